import { InputError } from '../errors.ts';
import { isConfigType, isManifestType } from './media-type.ts';
import { type Check, checkArgument, given, taking, text as words } from './options.ts';

/**
 * The system that an image runs on, in the spelling of Go.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export interface Platform {
  /** The operating system, such as `linux` or `windows`. */
  readonly os: string;
  /** The CPU architecture, such as `amd64` or `arm64`. */
  readonly architecture: string;
  /** The variant of the CPU, such as `v7`. */
  readonly variant?: string;
  /** The version of the operating system; used for Windows. */
  readonly 'os.version'?: string;
  /** Features that the operating system must have, such as `win32k`. */
  readonly 'os.features'?: readonly string[];
}

/** The platform selected from an index by default. The same on every machine, as in crane. */
export const defaultPlatform: Platform = { os: 'linux', architecture: 'amd64' };

const platformObject: Check = taking(
  'a platform, such as "linux/amd64" or { os, architecture }',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'os' in value &&
    typeof value.os === 'string' &&
    'architecture' in value &&
    typeof value.architecture === 'string',
);

/** Checks a platform from plain JavaScript: a text such as `linux/arm64/v8`, or an object with at least its two parts. */
export const aPlatform: Check = (value, name) => {
  if (typeof value === 'string') parsePlatform(value);
  else platformObject(value, name);
};

const grammar = /^([\w.-]+)\/([\w.-]+)(?:\/([\w.-]+))?(?::([\w.-]+))?$/;

/**
 * Parses `os/architecture[/variant][:os.version]` and keeps the spelling.
 * @throws INVALID_OPTION when the text has another form
 */
export function parsePlatform(text: string): Platform {
  checkArgument('parsePlatform', 'text', text, words);
  const [, os, architecture, variant, version] = grammar.exec(text) ?? [];
  if (os === undefined || architecture === undefined) {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new InputError(
      'INVALID_OPTION',
      `"${shown}" is not a platform: os/architecture[/variant][:os.version]`,
    );
  }
  return given({ os, architecture, variant, 'os.version': version });
}

/**
 * Returns a platform as it is and parses a text as `parsePlatform` does.
 * @throws INVALID_OPTION when the text has another form
 */
export function toPlatform(platform: Platform | string): Platform {
  return typeof platform === 'string' ? parsePlatform(platform) : platform;
}

/** Formats `os/architecture[/variant][:os.version]`, without the features. */
export function formatPlatform(platform: Platform): string {
  checkArgument('formatPlatform', 'platform', platform, platformObject);
  const { os, architecture, variant, 'os.version': version } = platform;
  return `${os}/${architecture}${variant ? `/${variant}` : ''}${version ? `:${version}` : ''}`;
}

const hostSystems: ReadonlyMap<string, string> = new Map([['win32', 'windows']]);
const hostArchitectures: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
  ['ppc64', 'ppc64le'],
  ['mipsel', 'mipsle'],
]);

/** Returns the platform of a machine from the names of JavaScript runtimes (`process.platform`, `process.arch`). */
export function hostPlatform({ os, arch }: { readonly os: string; readonly arch: string }): Platform {
  return normalize({ os: hostSystems.get(os) ?? os, architecture: hostArchitectures.get(arch) ?? arch });
}

/** The facts by which a child of an index is selected. A Descriptor is a Candidate. */
export interface Candidate {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** True if BuildKit added this child to an index to describe another one; it is no image. */
export function isAttestation({ annotations }: Pick<Candidate, 'annotations'>): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
}

/**
 * Selects the child of an index that matches `wanted` best, and the first of several equal ones, as the specification
 * requires. A single image without a platform matches any; several such images, with no match among the others, are
 * ambiguous. Returns undefined when no child matches or the choice is ambiguous. Never selects attestations,
 * `unknown/unknown` and artifacts.
 */
export function selectPlatform<C extends Candidate>(
  candidates: readonly C[],
  wanted: Platform = defaultPlatform,
): C | undefined {
  const images = candidates.filter(isPickable);
  const [only] = images;
  if (images.length === 1 && only !== undefined && isUnsaid(only.platform)) return only;
  let best: { readonly image: C; readonly fit: readonly number[] } | undefined;
  for (const image of images) {
    const fit = isUnsaid(image.platform) ? undefined : fitOf(image.platform, wanted);
    if (fit !== undefined && (best === undefined || isCloser(fit, best.fit))) best = { image, fit };
  }
  return best?.image;
}

/**
 * True if an image for `have` runs on `wanted`. Normalises names, accepts an older variant of the same family, and
 * ignores the fields that `wanted` leaves out.
 */
export function matchesPlatform(have: Platform, wanted: Platform): boolean {
  return fitOf(have, wanted) !== undefined;
}

function isPickable({ mediaType, artifactType, platform, annotations }: Candidate): boolean {
  if (!isManifestType(mediaType) || isAttestation({ ...(annotations && { annotations }) })) return false;
  if (artifactType !== undefined && !isConfigType(artifactType)) return false;
  return !(platform?.os === 'unknown' && platform.architecture === 'unknown');
}

/** Go programs write an absent platform as one of empty strings. */
function isUnsaid(platform: Platform | undefined): platform is undefined {
  return platform === undefined || (platform.os === '' && platform.architecture === '');
}

/** Returns the distance of `have`, most significant number first; undefined if it does not match. */
function fitOf(have: Platform, wanted: Platform): readonly number[] | undefined {
  const [mine, asked] = [normalize(have), normalize(wanted)];
  if (mine.os !== asked.os || mine.architecture !== asked.architecture) return undefined;
  const variant = variantFit(mine, asked, Boolean(wanted.variant));
  const version = versionFit(mine, asked);
  const known = asked['os.features'];
  const needed = mine['os.features'] ?? [];
  if (variant === undefined || version === undefined) return undefined;
  if (known !== undefined && !needed.every((feature) => known.includes(feature))) return undefined;
  return [variant, version];
}

function isCloser(fit: readonly number[], than: readonly number[]): boolean {
  const at = fit.findIndex((distance, index) => distance !== than[index]);
  return (fit[at] ?? 0) < (than[at] ?? 0);
}

/**
 * An older variant of the same family matches, and the newest of these matches best. A newer variant matches only when
 * no variant was requested, and last of all: crane accepts it, and for a copy it is better than nothing.
 */
function variantFit({ variant: mine = '' }: Platform, asked: Platform, isNamed: boolean): number | undefined {
  const { variant = '' } = asked;
  if (mine === variant) return 0;
  const [have, want] = [variantLevel(mine, asked), variantLevel(variant, asked)];
  if (have !== undefined && want !== undefined && have < want) return want - have;
  return isNamed ? undefined : 1000;
}

const baselines: ReadonlyMap<string, number> = new Map([
  ['arm', 7],
  ['arm64', 8],
  ['amd64', 1],
]);

/** `v8.1` is 8.1, `power9` is 9, `rva23u64` is 23. Without a variant the level is the architecture's baseline. */
function variantLevel(variant: string, { architecture }: Platform): number | undefined {
  if (variant === '') return baselines.get(architecture) ?? 0;
  const number = /^[a-z]+(\d+(?:\.\d+)?)/.exec(variant)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Windows runs images of its own major.minor.build; the highest revision matches best. */
function versionFit(mine: Platform, asked: Platform): number | undefined {
  const [have, want] = [mine['os.version'] ?? '', asked['os.version'] ?? ''];
  if (want === '' || have === want) return 0;
  if (asked.os !== 'windows') return undefined;
  if (have === '') return Number.MAX_SAFE_INTEGER;
  if (buildOf(have) !== buildOf(want)) return undefined;
  const revision = Number(have.split('.')[3] ?? 0);
  return Number.isSafeInteger(revision) ? 1 / (revision + 1) : 1;
}

function buildOf(version: string): string {
  return version.split('.').slice(0, 3).join('.');
}

const systems: ReadonlyMap<string, string> = new Map([['macos', 'darwin']]);
const architectures: ReadonlyMap<string, readonly [string, string?]> = new Map([
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
  ['i386', ['386']],
  ['i686', ['386']],
]);

/** Returns one spelling for each platform. Leaves out the default variant of an architecture, except for arm's v7. */
export function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const said = platform.architecture.toLowerCase();
  const [architecture, implied] = architectures.get(said) ?? [said];
  const variant = normalVariant(architecture, implied ?? platform.variant?.toLowerCase() ?? '');
  const { 'os.version': version, 'os.features': features } = platform;
  return given({
    os: systems.get(os) ?? os,
    architecture,
    variant: variant || undefined,
    'os.version': version || undefined,
    'os.features': features,
  });
}

function normalVariant(architecture: string, said: string): string {
  const variant = /^\d/.test(said) ? `v${said}` : said;
  if (architecture === 'arm') return variant === '' ? 'v7' : variant;
  if (architecture === 'arm64' && (variant === 'v8' || variant === 'v8.0')) return '';
  return architecture === 'amd64' && variant === 'v1' ? '' : variant;
}
