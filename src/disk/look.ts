import { blobFileContent } from '../blobfile/blob-file.ts';
import { isGantryError } from '../errors.ts';
import { lookAt, unlessUnreadable } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { collect } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { RepositoryFolder } from './folder.ts';
import { trueType } from './listed-type.ts';

/** Returns the problem of a tag as text, or undefined. Does not look at manifests that `isThere` confirms. */
export async function tagProblem(
  folder: RepositoryFolder,
  tag: string,
  isThere: (digest: Digest) => boolean,
): Promise<string | undefined> {
  const digest = await folder.tag(tag);
  if (digest === undefined) {
    return (await lookAt(folder.tagPath(tag))) === undefined ? undefined : 'its file names no digest';
  }
  if (isThere(digest)) return undefined;
  return (await folder.manifest(digest)) === undefined ? `names ${digest}, which does not exist` : undefined;
}

/**
 * Returns the manifest, or its problem as text. Returns undefined if it does not exist any more, or is in the trash.
 */
export async function readManifest(
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Manifest | string | undefined> {
  const whole = await readWhole(folder, digest).catch(unlessUnreadable);
  return whole ?? readOrExplain(folder, digest);
}

/** Reads the manifest with few looks at the disk. Returns undefined for everything that needs an explanation. */
async function readWhole(folder: RepositoryFolder, digest: Digest): Promise<Manifest | undefined> {
  const mediaType = await folder.mediaType(digest);
  const bytes = mediaType === undefined ? undefined : await readSmall(folder.blobPath(digest), manifestLimit);
  if (mediaType === undefined || bytes === undefined) return undefined;
  try {
    if (digestOf(bytes, computableAlgorithm(digest)) !== digest) return undefined;
    const manifest = parseManifest(bytes, { digest, mediaType });
    return trueType(manifest, mediaType) === mediaType ? manifest : undefined;
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

async function readOrExplain(
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Manifest | string | undefined> {
  const descriptor = await folder.manifest(digest);
  if (descriptor === undefined) {
    return (await folder.hasManifest(digest))
      ? 'is listed as a manifest, but its bytes are missing'
      : undefined;
  }
  try {
    const source = blobFileContent(folder.layout, descriptor).open();
    const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
    const manifest = parseManifest(bytes, { digest, mediaType: descriptor.mediaType });
    const own = trueType(manifest, descriptor.mediaType);
    if (own === descriptor.mediaType) return manifest;
    const listed =
      descriptor.mediaType === '' ? 'without a type' : `as ${descriptor.mediaType.slice(0, 200)}`;
    return `is listed ${listed}, but is ${own ?? 'of another type'}`;
  } catch (error) {
    if (isGantryError(error, 'BLOB_UNKNOWN')) return undefined;
    if (isGantryError(error)) return error.message;
    throw error;
  }
}

/** Returns a value if the manifest does not exist any more: the content that it named may have gone with it. */
export async function gone(folder: RepositoryFolder, digest: Digest): Promise<'gone' | undefined> {
  return (await folder.hasManifest(digest)) ? undefined : 'gone';
}
