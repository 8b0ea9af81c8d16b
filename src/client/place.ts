import { readdir } from 'node:fs/promises';
import { parseImageName } from '../daemon/image-name.ts';
import { InputError } from '../errors.ts';
import type { Digest } from '../spec/digest.ts';
import { checkArgument, text as words } from '../spec/options.ts';
import {
  formatReference,
  parseReference,
  parseRepository,
  type Reference,
  type ReferenceOptions,
} from '../spec/reference.ts';
import { existingPath, placeAtPath } from './path-place.ts';
import { isStandard } from './standard.ts';

/** The source or destination of an image, parsed. Its `kind` decides how gantry opens it. */
export type Place = RegistryPlace | LayoutPlace | ArchivePlace | DaemonPlace;

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

/** An image in the docker daemon, or in podman behind its socket. */
export interface DaemonPlace {
  /** Tells the kinds of places apart. */
  readonly kind: 'docker-daemon';
  /** The name of the image as for docker, `alpine:3`; for a source also its ID. */
  readonly name: string;
}

/** A place on disk. */
export type OnDisk = LayoutPlace | ArchivePlace;

/** A place on this machine. */
export type LocalPlace = OnDisk | DaemonPlace;

/**
 * Prefixes of other tools' transports, with advice. gantry does not support them, and would otherwise take each for an image
 * of Docker Hub.
 */
const foreign: ReadonlyMap<string, string> = new Map([
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

/** The kinds of places on this machine; each is the prefix of its places. */
const localKinds: readonly LocalPlace['kind'][] = [...diskKinds, 'docker-daemon'];

const daemonPrefix = 'docker-daemon:';

/**
 * Parses `oci:DIR[:name]`, `oci-archive:FILE[:name]`, `docker-archive:FILE[:name]`, `docker-daemon:NAME`, a path or a reference.
 * The name is the tag of an image there, and may be a whole reference. `-` as FILE, or alone, is the standard input or output.
 *
 * A text is a path if it cannot be a reference (`./app`, `../app`, `/srv/app`, `app/`), or if it ends like an archive and a file
 * of that name exists (`app.tar`). gantry looks at the disk for such a text only: a file is an archive, and a folder a layout.
 * @throws INVALID_REFERENCE, NAME_INVALID or INVALID_DIGEST when the text is malformed
 * @throws INVALID_OPTION when a layout is to be read from `-`
 * @throws NAME_UNKNOWN when there is no file or layout at a path
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
  const local = parseDaemon(text) ?? placeAtPath(text);
  if (local !== undefined) return local;
  refuseForeign(text);
  return { kind: 'registry', reference: parseReference(text) };
}

/** Parses a place with the prefix of a kind on this machine; undefined for any other text. */
export function parseLocal(text: string): LocalPlace | undefined {
  return parseOnDisk(text) ?? parseDaemon(text);
}

function parseDaemon(text: string): DaemonPlace | undefined {
  if (!text.startsWith(daemonPrefix)) return undefined;
  const name = text.slice(daemonPrefix.length);
  if (name === '')
    throw new InputError('INVALID_REFERENCE', `"${text}" names no image: docker-daemon:NAME[:TAG]`);
  parseImageName(name);
  return { kind: 'docker-daemon', name };
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
 * Returns the source of a push, which is on this machine: a plain path, or a place.
 * @throws INVALID_OPTION when the place is in a registry
 */
export function toLocalSource(path: string | Place): string | LocalPlace {
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
  if (localKinds.some((kind) => text.startsWith(`${kind}:`))) throw notInRegistry(text, needed, advice);
  refuseForeign(text);
  return text;
}

function notInRegistry(text: string, needed: string, advice: string): InputError {
  return new InputError(
    'INVALID_REFERENCE',
    `"${text.slice(0, 300)}" is ${text.startsWith(daemonPrefix) ? 'an image in the docker daemon' : 'a place on disk'}, and ${needed} is needed here${advice}`,
  );
}

/** The advice for verbs with one side on this machine and one in a registry. */
export const copyTakesBoth = '; "copy" takes such places on either side';

/**
 * Returns the path unchanged.
 * @throws INVALID_OPTION when it has the prefix of a place: only `copy` writes to places
 */
export function plainPath(path: string): string {
  if (!localKinds.some((kind) => path.startsWith(`${kind}:`))) return path;
  throw new InputError(
    'INVALID_OPTION',
    `"${path.slice(0, 300)}" is a place, and "pull" takes a path: "copy" writes to places; a file of that name is ./${path.slice(0, 300)}`,
  );
}

/**
 * Returns the place of a plain path: a folder is a layout, a file an archive of either form. Every text without the prefix of a
 * kind is a path here.
 * @throws NAME_UNKNOWN when there is no such file or folder
 */
export async function placeOfPath(path: string): Promise<LocalPlace> {
  const place = parseLocal(path);
  if (place !== undefined) return place;
  if (path === '') throw new InputError('INVALID_OPTION', 'the path of the image is empty');
  return isStandard(path) ? { kind: 'docker-archive', path } : existingPath(path);
}

/** Lists the sha256 digests in a layout, manifests included, without reading any; undefined if the place is no layout. */
export async function digestsIn(place: string | LocalPlace): Promise<readonly string[] | undefined> {
  const known = typeof place === 'string' ? (parseLocal(place) ?? { kind: 'oci', path: place }) : place;
  if (known.kind === 'docker-daemon') return undefined;
  const found = await readdir(`${known.path}/blobs/sha256`).catch(() => undefined);
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
    case 'docker-daemon':
      return `${daemonPrefix}${place.name}`;
    default:
      return place satisfies never;
  }
}

/** Returns the reference in the name of a place; undefined for a place that is known by a path or an ID. */
export function referenceOf(place: Place): Reference | undefined {
  if (place.kind === 'registry') return place.reference;
  return place.kind === 'docker-daemon' ? parseImageName(place.name) : undefined;
}

/** Returns the digest that the name of a place promises. */
export function promisedDigest(place: Place): Digest | undefined {
  return referenceOf(place)?.digest;
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
