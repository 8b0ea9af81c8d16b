import { InputError } from '../errors.ts';
import { isConfigType, isManifestType } from './media-type.ts';

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}

/** What is taken out of an index when nobody says: the same on every machine, as crane has it. */
export const defaultPlatform: Platform = { os: 'linux', architecture: 'amd64' };

const grammar = /^([\w.-]+)\/([\w.-]+)(?:\/([\w.-]+))?(?::([\w.-]+))?$/;

/** Reads `os/architecture[/variant][:os.version]` and keeps its spelling. Throws INVALID_OPTION. */
export function parsePlatform(text: string): Platform {
  const [, os, architecture, variant, version] = grammar.exec(text) ?? [];
  if (os === undefined || architecture === undefined) {
    const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    throw new InputError(
      'INVALID_OPTION',
      `"${shown}" is not a platform: os/architecture[/variant][:os.version]`,
    );
  }
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { 'os.version': version }),
  };
}

/** A platform that was given as one, or as `parsePlatform` reads it. Throws INVALID_OPTION. */
export function toPlatform(platform: Platform | string): Platform {
  return typeof platform === 'string' ? parsePlatform(platform) : platform;
}

/** `os/architecture[/variant][:os.version]`; features have no place in it. */
export function formatPlatform(platform: Platform): string {
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

/** The platform of a machine, from what JavaScript runtimes call it (`process.platform`, `process.arch`). */
export function hostPlatform({ os, arch }: { readonly os: string; readonly arch: string }): Platform {
  return normalize({ os: hostSystems.get(os) ?? os, architecture: hostArchitectures.get(arch) ?? arch });
}

/** What is looked at to choose among the children of an index: a Descriptor is one. */
export interface Candidate {
  readonly mediaType: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Whether BuildKit put this child into an index to describe another: it is no image. */
export function isAttestation({ annotations }: Pick<Candidate, 'annotations'>): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
}

/**
 * The child of an index that serves `wanted` best; among equals the first, as the specification says. A lone image
 * that names no platform is taken to serve any; several such, and none that matches, are ambiguous. `undefined`
 * where nothing fits or it is ambiguous. Attestations, `unknown/unknown` and artifacts are never picked.
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
 * Whether what was made for `have` serves `wanted`: names are normalised, a variant serves its successors, what
 * `wanted` leaves open is not asked for.
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

/** How far off `have` is, the most telling number first; `undefined` if it doesn't serve. */
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
 * An older variant of the same family serves, the newer the better. A newer one serves only where no variant was
 * asked for by name, and last of all: crane takes it, and for a copy it is better than nothing.
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

/** `v8.1` is 8.1, `power9` is 9, `rva23u64` is 23; none is the least that the architecture has. */
function variantLevel(variant: string, { architecture }: Platform): number | undefined {
  if (variant === '') return baselines.get(architecture) ?? 0;
  const number = /^[a-z]+(\d+(?:\.\d+)?)/.exec(variant)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Windows runs what was built for its own major.minor.build, and the highest revision of that is best. */
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

/** One spelling for each platform; the variant that an architecture has by default is left out, but for arm's v7. */
function normalize(platform: Platform): Platform {
  const os = platform.os.toLowerCase();
  const said = platform.architecture.toLowerCase();
  const [architecture, implied] = architectures.get(said) ?? [said];
  const variant = normalVariant(architecture, implied ?? platform.variant?.toLowerCase() ?? '');
  const { 'os.version': version, 'os.features': features } = platform;
  return {
    os: systems.get(os) ?? os,
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(version ? { 'os.version': version } : {}),
    ...(features === undefined ? {} : { 'os.features': features }),
  };
}

function normalVariant(architecture: string, said: string): string {
  const variant = /^\d/.test(said) ? `v${said}` : said;
  if (architecture === 'arm') return variant === '' ? 'v7' : variant;
  if (architecture === 'arm64' && (variant === 'v8' || variant === 'v8.0')) return '';
  return architecture === 'amd64' && variant === 'v1' ? '' : variant;
}
