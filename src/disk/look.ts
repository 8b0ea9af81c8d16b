import { isGantryError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { blobFileContent } from '../layout/blob-file.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { RepositoryFolder } from './folder.ts';

/** What is wrong with a tag, as text. */
export async function tagProblem(folder: RepositoryFolder, tag: string): Promise<string | undefined> {
  const digest = await folder.tag(tag);
  if (digest === undefined) {
    return (await lookAt(folder.tagPath(tag))) === undefined ? undefined : 'its file names no digest';
  }
  return (await folder.manifest(digest)) === undefined ? `leads to ${digest}, which is not there` : undefined;
}

/** What is wrong with it, as text; undefined for one that is not there any more, or was put aside as garbage. */
export async function readManifest(
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Manifest | string | undefined> {
  const descriptor = await folder.manifest(digest);
  if (descriptor === undefined) {
    return (await folder.hasManifest(digest))
      ? 'is listed as a manifest, and its bytes are not there'
      : undefined;
  }
  try {
    const source = blobFileContent(folder.layout, descriptor).open();
    const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
    const manifest = parseManifest(bytes, { digest, mediaType: descriptor.mediaType });
    const own = manifest.body.mediaType === undefined ? descriptor.mediaType : manifest.descriptor.mediaType;
    return own === descriptor.mediaType ? manifest : `is listed as ${descriptor.mediaType}, and is ${own}`;
  } catch (error) {
    if (isGantryError(error, 'BLOB_UNKNOWN')) return undefined;
    if (isGantryError(error)) return error.message;
    throw error;
  }
}

/** Something, if the manifest that was read is not there any more: what it named may have gone with it. */
export async function gone(folder: RepositoryFolder, digest: Digest): Promise<'gone' | undefined> {
  return (await folder.hasManifest(digest)) ? undefined : 'gone';
}
