import { join } from 'node:path';
import { ContentError } from '../errors.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { indexJsonLimit, manifestLimit, parseManifest } from '../json/manifest.ts';
import { parseJson } from '../json/parse.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { LayoutIndex } from './index-file.ts';

export const markerFile = 'oci-layout';
export const indexFile = 'index.json';
export const markerBytes: Uint8Array = new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}\n');

/** Returns whether the folder is marked as a layout. Throws MANIFEST_INVALID for an unknown version. */
export async function isLayout(folder: string): Promise<boolean> {
  const path = join(folder, markerFile);
  const bytes = await readSmall(path, 64 * 1024);
  if (bytes === undefined) return false;
  const json = parseJson(bytes, { what: path });
  const version =
    typeof json === 'object' && json !== null && 'imageLayoutVersion' in json
      ? json.imageLayoutVersion
      : undefined;
  if (typeof version === 'string' && /^1\.\d+\.\d+$/.test(version)) return true;
  throw new ContentError('MANIFEST_INVALID', `${path}: this is not version 1 of the OCI image layout`);
}

/** Returns the entries of the layout, or undefined without an index.json. Throws MANIFEST_INVALID, TOO_LARGE. */
export async function readIndex(folder: string): Promise<LayoutIndex | undefined> {
  const path = join(folder, indexFile);
  const bytes = await readSmall(path, indexJsonLimit);
  if (bytes === undefined) return undefined;
  try {
    return LayoutIndex.parse(bytes);
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new ContentError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

/**
 * Returns index.json as a manifest that can be pushed. Throws MANIFEST_INVALID, and TOO_LARGE beyond the limit of
 * registries.
 */
export async function readIndexManifest(folder: string): Promise<Manifest> {
  const path = join(folder, indexFile);
  const bytes = await readSmall(path, manifestLimit);
  if (bytes === undefined) throw new ContentError('MANIFEST_INVALID', `${folder} has no ${indexFile}`);
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType: MediaType.ociIndex });
}
