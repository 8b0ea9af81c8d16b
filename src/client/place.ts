import { readdir, stat } from 'node:fs/promises';
import { InputError, NotFoundError } from '../errors.ts';
import { checkArgument, text as words } from '../spec/options.ts';
import {
  formatReference,
  parseReference,
  parseRepository,
  type Reference,
  type ReferenceOptions,
} from '../spec/reference.ts';
import { isStandard } from './standard.ts';

/** The source or destination of an image, parsed. Its `kind` decides how gantry opens it. */
export type Place = RegistryPlace | LayoutPlace | ArchivePlace;

/** An image in a registry. */
export interface RegistryPlace {
  /** Tells the kinds of places apart. */
  readonly kind: 'registry';
  /** The name of the image. */
  readonly reference: Reference;
}

/** An OCI image layout in a folder. */
export interface LayoutPlace {
  /** Tells the kinds of places apart. */
  readonly kind: 'oci';
  /** The folder. */
  readonly path: string;
  /** The name of one image in the layout: a tag or a whole reference. */
  readonly name?: string;
}

/** An archive in a file: an OCI layout in a tar, or the form of `docker save`. */
export interface ArchivePlace {
  /** Tells the kinds of places apart. */
  readonly kind: 'oci-archive' | 'docker-archive';
  /** The file; `-` is stdin or stdout. */
  readonly path: string;
  /** The name of one image in the archive: a tag or a whole reference. */
  readonly name?: string;
}

/** A place on disk. */
export type OnDisk = Exclude<Place, RegistryPlace>;

/**
 * Prefixes of other tools' transports, with advice. gantry does not support them, and would otherwise take each for an image
 * of Docker Hub.
 */
const foreign: ReadonlyMap<string, string> = new Map([
  ['docker-daemon', 'save the image with "docker save -o FILE" and use docker-archive:FILE'],
  [
    'containers-storage',
    'save the image with "podman save --format oci-archive -o FILE" and use oci-archive:FILE',
  ],
  ['dir', 'copy it to an OCI layout with the tool that wrote it and use oci:DIR'],
  ['ostree', 'copy it to an OCI layout with the tool that wrote it and use oci:DIR'],
  ['sif', 'copy it to an OCI layout with the tool that wrote it and use oci:DIR'],
  ['docker', 'leave out "docker://"'],
  ['docker-image', 'leave out "docker-image://"'],
]);

/** The kinds of places on disk; each is the prefix of its places. */
export const diskKinds: readonly OnDisk['kind'][] = ['oci', 'oci-archive', 'docker-archive'];

/**
 * Parses `oci:DIR[:name]`, `oci-archive:FILE[:name]`, `docker-archive:FILE[:name]` or a reference. The name is the tag of an
 * image there, and may be a whole reference. `-` as FILE, or alone, is the standard input or output.
 * @throws INVALID_REFERENCE, NAME_INVALID or INVALID_DIGEST when the text is malformed
 * @throws INVALID_OPTION when a layout is to be read from `-`
 * @example
 * ```ts
 * import { parsePlace } from 'gantry';
 *
 * console.log(parsePlace('oci-archive:app.tar:v1')); // { kind: 'oci-archive', path: 'app.tar', name: 'v1' }
 * ```
 */
export function parsePlace(text: string): Place {
  checkArgument('parsePlace', 'text', text, words);
  if (isStandard(text)) return { kind: 'docker-archive', path: text };
  const place = parseOnDisk(text);
  if (place !== undefined) {
    if (place.kind === 'oci' && isStandard(place.path)) throw noFolder();
    return place;
  }
  refuseForeign(text);
  return { kind: 'registry', reference: parseReference(text) };
}

/** Parses a place with the prefix of a kind on disk; undefined for any other text. */
function parseOnDisk(text: string): OnDisk | undefined {
  const kind = diskKinds.find((prefix) => text.startsWith(`${prefix}:`));
  return kind === undefined ? undefined : { kind, ...splitPath(text, text.slice(kind.length + 1)) };
}

/**
 * Parses a place unless it is parsed already.
 * @throws INVALID_REFERENCE and others, as `parsePlace` does
 */
export function toPlace(place: string | Place): Place {
  return typeof place === 'string' ? parsePlace(place) : place;
}

/**
 * Returns the source of a push, which is on disk: a plain path, or a place.
 * @throws INVALID_OPTION when the place is in a registry
 */
export function toDiskSource(path: string | Place): string | OnDisk {
  if (typeof path === 'string' || path.kind !== 'registry') return path;
  throw new InputError(
    'INVALID_OPTION',
    `${formatPlace(path)} is in a registry, and "push" takes a path: "copy" copies between registries`,
  );
}

/** Settings of `toReference`. */
export interface ToReferenceOptions extends ReferenceOptions {
  /** The end of the message for a place on disk. */
  readonly advice?: string | undefined;
}

/**
 * Returns the reference of a place in a registry. `needed` names the needed thing for the message: "an image in a registry".
 * @throws INVALID_REFERENCE when the place is on disk, or belongs to another tool
 */
export function toReference(
  place: string | Place,
  needed: string,
  { advice = '', ...options }: ToReferenceOptions = {},
): Reference {
  if (typeof place === 'string') return parseReference(inRegistry(place, needed, advice), options);
  if (place.kind === 'registry') return place.reference;
  throw notInRegistry(formatPlace(place), needed, advice);
}

/**
 * Parses the name of a repository in a registry.
 * @throws INVALID_REFERENCE when the text has a tag or a digest, or is a place on disk
 */
export function toRepository(text: string): Reference {
  return parseRepository(inRegistry(text, 'a repository'));
}

/**
 * Refuses a place of another tool.
 * @throws INVALID_REFERENCE with advice on the way to gantry
 */
function refuseForeign(text: string): void {
  const colon = text.indexOf(':');
  const advice = foreign.get(text.slice(0, Math.max(0, colon)));
  // `docker:27` is an image of Docker Hub; only `docker://` is a transport.
  const isUrl = text.startsWith('//', colon + 1);
  const mayBeImage = text.startsWith('docker:') || text.startsWith('docker-image:');
  if (advice === undefined || (mayBeImage && !isUrl)) return;
  throw new InputError(
    'INVALID_REFERENCE',
    `"${text.slice(0, 300)}" is a place that gantry cannot read or write: ${advice}`,
  );
}

/**
 * Returns the text unchanged if it names something in a registry.
 * @throws INVALID_REFERENCE when the text is a place on disk or a place of another tool
 */
function inRegistry(text: string, needed: string, advice = ''): string {
  if (diskKinds.some((kind) => text.startsWith(`${kind}:`))) throw notInRegistry(text, needed, advice);
  refuseForeign(text);
  return text;
}

function notInRegistry(text: string, needed: string, advice: string): InputError {
  return new InputError(
    'INVALID_REFERENCE',
    `"${text.slice(0, 300)}" is a place on disk, and ${needed} is needed here${advice}`,
  );
}

/** The advice for verbs with one side on disk and one in a registry. */
export const copyTakesBoth = '; "copy" takes places on disk on either side';

/**
 * Returns the path unchanged.
 * @throws INVALID_OPTION when it has the prefix of a place: only `copy` writes to places
 */
export function plainPath(path: string): string {
  if (!diskKinds.some((kind) => path.startsWith(`${kind}:`))) return path;
  throw new InputError(
    'INVALID_OPTION',
    `"${path.slice(0, 300)}" is a place, and "pull" takes a path: "copy" writes to places; a file of that name is ./${path.slice(0, 300)}`,
  );
}

/**
 * Returns the place of a plain path: a folder is a layout, a file an archive of either form.
 * @throws NAME_UNKNOWN when there is no such file or folder
 */
export async function placeOfPath(path: string): Promise<OnDisk> {
  const place = parseOnDisk(path);
  if (place !== undefined) return place;
  if (path === '') throw new InputError('INVALID_OPTION', 'the path of the image is empty');
  if (isStandard(path)) return { kind: 'docker-archive', path };
  const found = await stat(path).catch((cause: unknown) => missing(path, cause));
  return { kind: found.isDirectory() ? 'oci' : 'docker-archive', path };
}

async function missing(path: string, cause: unknown): Promise<never> {
  const files = await import('../files/files.ts');
  const code = files.systemCode(cause);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') await files.onDisk(path, () => Promise.reject(cause));
  const colon = path.lastIndexOf(':');
  const file = colon > 0 ? await files.lookAt(path.slice(0, colon)).catch(() => undefined) : undefined;
  const prefix = file?.isDirectory() ? 'oci' : 'docker-archive';
  const advice = file === undefined ? '' : `; to name an image in it write ${prefix}:${path}`;
  throw new NotFoundError('NAME_UNKNOWN', `there is no file or folder ${path}${advice}`, { cause });
}

/** Lists the sha256 digests in a layout, manifests included, without reading any; undefined if the place is no layout. */
export async function digestsIn(place: string | OnDisk): Promise<readonly string[] | undefined> {
  const { path: folder } = typeof place === 'string' ? (parseOnDisk(place) ?? { path: place }) : place;
  const found = await readdir(`${folder}/blobs/sha256`).catch(() => undefined);
  return found?.map((name) => `sha256:${name}`);
}

/** Formats a place as a user writes it. */
export function formatPlace(place: string | Place): string {
  if (typeof place === 'string') return place;
  switch (place.kind) {
    case 'registry':
      return formatReference(place.reference);
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
      return `${place.kind}:${place.path}${place.name === undefined ? '' : `:${place.name}`}`;
    default:
      return place satisfies never;
  }
}

/** Returns the error for a layout at the standard input or output. */
export function noFolder(): InputError {
  return new InputError(
    'INVALID_OPTION',
    'an OCI layout is a folder, and "-" is none: `gantry copy SRC oci-archive:-` writes one as an archive; a folder of that name is "./-"',
  );
}

function splitPath(text: string, rest: string): { readonly path: string; readonly name?: string } {
  // A Windows path has a colon behind the letter of the drive.
  const drive = /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const colon = rest.indexOf(':', drive);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (path === '') throw new InputError('INVALID_REFERENCE', `"${text}" names no file or folder`);
  return colon < 0 ? { path } : { path, name: rest.slice(colon + 1) };
}
