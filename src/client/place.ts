import { readdir, stat } from 'node:fs/promises';
import { InputError } from '../errors.ts';
import { formatReference, parseReference, type Reference } from '../spec/reference.ts';

/** Where an image is or goes to, as a user writes it. */
export type Place =
  | { readonly kind: 'registry'; readonly reference: Reference }
  /** An OCI image layout in a folder. */
  | { readonly kind: 'oci'; readonly path: string; readonly name?: string }
  | { readonly kind: 'oci-archive' | 'docker-archive'; readonly path: string; readonly name?: string };

const onDisk = ['oci', 'oci-archive', 'docker-archive'] as const;

/**
 * Reads `oci:DIR[:name]`, `oci-archive:FILE[:name]`, `docker-archive:FILE[:name]` or a reference.
 * A name is the tag of an image in there, and may be a whole reference. Throws INVALID_REFERENCE and its kin.
 */
export function parsePlace(text: string): Place {
  for (const kind of onDisk) {
    if (text.startsWith(`${kind}:`)) return { kind, ...splitPath(text, text.slice(kind.length + 1)) };
  }
  return { kind: 'registry', reference: parseReference(text) };
}

/** A plain path: a folder is a layout, a file is an archive of either form. Throws INVALID_OPTION if there is nothing. */
export async function placeOfPath(path: string): Promise<Exclude<Place, { kind: 'registry' }>> {
  for (const kind of onDisk) {
    if (path.startsWith(`${kind}:`)) return { kind, ...splitPath(path, path.slice(kind.length + 1)) };
  }
  const found = await stat(path).catch((cause: unknown) => {
    throw new InputError('INVALID_OPTION', `${path}: there is no such file or folder`, { cause });
  });
  return { kind: found.isDirectory() ? 'oci' : 'docker-archive', path };
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

function splitPath(text: string, rest: string): { readonly path: string; readonly name?: string } {
  // A Windows path has a colon of its own behind the drive's letter.
  const drive = /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const colon = rest.indexOf(':', drive);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  if (path === '') throw new InputError('INVALID_REFERENCE', `"${text}" names no file or folder`);
  return colon < 0 ? { path } : { path, name: rest.slice(colon + 1) };
}
