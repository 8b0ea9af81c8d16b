import { readdir, stat } from 'node:fs/promises';
import { InputError } from '../errors.ts';
import { checkArgument, text as words } from '../spec/options.ts';
import { formatReference, parseReference, type Reference } from '../spec/reference.ts';
import { isStandard } from './standard.ts';

/** Where an image is or goes to, as a user writes it. */
export type Place =
  | { readonly kind: 'registry'; readonly reference: Reference }
  /** An OCI image layout in a folder. */
  | { readonly kind: 'oci'; readonly path: string; readonly name?: string }
  | { readonly kind: 'oci-archive' | 'docker-archive'; readonly path: string; readonly name?: string };

/** Where other tools find images, and gantry doesn't: each name would otherwise be one of Docker Hub. */
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

const onDisk = ['oci', 'oci-archive', 'docker-archive'] as const;

/**
 * Reads `oci:DIR[:name]`, `oci-archive:FILE[:name]`, `docker-archive:FILE[:name]` or a reference.
 * A name is the tag of an image in there, and may be a whole reference. `-` as FILE, or alone, is the standard input or
 * output. Throws INVALID_REFERENCE and its kin, INVALID_OPTION for a layout there.
 */
export function parsePlace(text: string): Place {
  checkArgument('parsePlace', 'text', text, words);
  if (isStandard(text)) return { kind: 'docker-archive', path: text };
  for (const kind of onDisk) {
    if (!text.startsWith(`${kind}:`)) continue;
    const place = splitPath(text, text.slice(kind.length + 1));
    if (kind === 'oci' && isStandard(place.path)) throw noFolder();
    return { kind, ...place };
  }
  refuseForeign(text);
  return { kind: 'registry', reference: parseReference(text) };
}

/** Throws INVALID_REFERENCE for a place of another tool's, and says which way leads here. */
function refuseForeign(text: string): void {
  const colon = text.indexOf(':');
  const advice = foreign.get(text.slice(0, Math.max(0, colon)));
  // `docker:27` is an image of Docker Hub; only `docker://` is a transport.
  const isUrl = text.startsWith('//', colon + 1);
  const mayBeImage = text.startsWith('docker:') || text.startsWith('docker-image:');
  if (advice === undefined || (mayBeImage && !isUrl)) return;
  throw new InputError(
    'INVALID_REFERENCE',
    `"${text.slice(0, 300)}" is no place that gantry can read or write: ${advice}`,
  );
}

/**
 * The text as it is, where it names something in a registry. Throws INVALID_REFERENCE for a place on disk and for one of
 * another tool's. `needed`: "a repository", "an image in a registry". `advice`: what takes such a place.
 */
export function inRegistry(text: string, needed: string, advice = ''): string {
  for (const kind of onDisk) {
    if (!text.startsWith(`${kind}:`)) continue;
    throw new InputError(
      'INVALID_REFERENCE',
      `"${text.slice(0, 300)}" is a place on disk, and ${needed} is needed here${advice}`,
    );
  }
  refuseForeign(text);
  return text;
}

/** For verbs that have one side on disk and one in a registry. */
export const copyTakesBoth = '; "copy" takes places on disk on either side';

/** The path as it is. Throws INVALID_OPTION for one with the prefix of a place, which only `copy` writes to. */
export function plainPath(path: string): string {
  if (!onDisk.some((kind) => path.startsWith(`${kind}:`))) return path;
  throw new InputError(
    'INVALID_OPTION',
    `"${path.slice(0, 300)}" is a place, and "pull" takes a path: "copy" writes to places; a file of that name is ./${path.slice(0, 300)}`,
  );
}

/** A plain path: a folder is a layout, a file is an archive of either form. Throws INVALID_OPTION if there is nothing. */
export async function placeOfPath(path: string): Promise<Exclude<Place, { kind: 'registry' }>> {
  for (const kind of onDisk) {
    if (path.startsWith(`${kind}:`)) return { kind, ...splitPath(path, path.slice(kind.length + 1)) };
  }
  if (path === '') throw new InputError('INVALID_OPTION', 'the path that says where the image is is empty');
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
  throw new InputError('INVALID_OPTION', `${path}: there is no such file or folder${advice}`, { cause });
}

/** How many blobs a layout at this path holds, manifests among them; undefined if it is none. Nothing of it is read. */
export async function countBlobs(path: string): Promise<number | undefined> {
  const folder = path.startsWith('oci:') ? splitPath(path, path.slice(4)).path : path;
  const found = await readdir(`${folder}/blobs/sha256`).catch(() => undefined);
  return found?.length;
}

/** As a user would write it. */
export function formatPlace(place: string | Place): string {
  if (typeof place === 'string') return place;
  if (place.kind === 'registry') return formatReference(place.reference);
  return `${place.kind}:${place.path}${place.name === undefined ? '' : `:${place.name}`}`;
}

/** The error for a layout that should come from the standard input or go to the standard output. */
export function noFolder(): InputError {
  return new InputError(
    'INVALID_OPTION',
    'an OCI layout is a folder, and "-" is none: `gantry copy SRC oci-archive:-` writes one as an archive; a folder of that name is "./-"',
  );
}

function splitPath(text: string, rest: string): { readonly path: string; readonly name?: string } {
  // A Windows path has a colon of its own behind the drive's letter.
  const drive = /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const colon = rest.indexOf(':', drive);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (path === '') throw new InputError('INVALID_REFERENCE', `"${text}" names no file or folder`);
  return colon < 0 ? { path } : { path, name: rest.slice(colon + 1) };
}
