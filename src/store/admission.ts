import { AuthError, ContentError, InputError, NotFoundError, UnsupportedError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { checkDigest } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import { isTag } from '../spec/reference.ts';
import type { Blobs, PutOptions } from './contract.ts';

/**
 * Checks the descriptor against the bytes.
 * @throws DIGEST_INVALID or SIZE_INVALID when they differ
 * @throws UNSUPPORTED for an algorithm that gantry does not compute
 */
export function checkBytes({ descriptor, bytes }: Pick<Manifest, 'descriptor' | 'bytes'>): void {
  const { digest, size } = descriptor;
  checkDigest(digestOf(bytes, computableAlgorithm(digest)), digest, `manifest ${digest}`);
  if (bytes.byteLength !== size) {
    throw new ContentError(
      'SIZE_INVALID',
      `manifest ${digest}: it has ${bytes.byteLength} bytes, but its descriptor names ${size}`,
      { expected: size, actual: bytes.byteLength },
    );
  }
}

/**
 * Checks that the blobs of an image exist before its manifest. The children of an index and a subject may be missing,
 * since sparse indexes and early signatures are valid.
 * @throws MANIFEST_BLOB_UNKNOWN for the first missing blob, unless `sparse` is set
 */
export async function checkBlobs(
  { descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>,
  blobs: Pick<Blobs, 'stat'>,
  options: Pick<PutOptions, 'signal' | 'sparse'> = {},
): Promise<void> {
  if (options.sparse === true) return;
  const needed = neededBlobs(body);
  const found = await Promise.all(needed.map(({ digest }) => blobs.stat(digest, options)));
  const missing = needed.find((_, at) => found[at] === undefined);
  if (missing !== undefined) throw missingBlob(descriptor.digest, missing.digest);
}

/** Lists the blobs that an image requires. Leaves out layers that registries may not distribute. */
export function neededBlobs(body: Manifest['body']): readonly Descriptor[] {
  if (body.kind !== 'image') return [];
  return [body.config, ...body.layers.filter((layer) => isDistributable(layer.mediaType))];
}

export function missingBlob(manifest: Digest, blob: Digest): NotFoundError {
  return new NotFoundError(
    'MANIFEST_BLOB_UNKNOWN',
    `manifest ${manifest} names blob ${blob}, which does not exist here: upload it first`,
  );
}

/**
 * Checks the grammar of tags.
 * @throws INVALID_REFERENCE for the first text that is no tag
 */
export function checkTags(tags: readonly string[]): void {
  for (const tag of tags) {
    if (!isTag(tag)) {
      const advice = tag.includes('/') ? ': give the tag alone, without registry and repository' : '';
      throw new InputError('INVALID_REFERENCE', `"${tag.slice(0, 200)}" is not a tag${advice}`);
    }
  }
}

/** The state of a repository at the moment of a put. */
export interface Standing {
  readonly name: string;
  /** The stored manifest of the same bytes; undefined if there is none. */
  readonly same: Descriptor | undefined;
  /** The first of the put's tags that already names another manifest. */
  readonly taken: string | undefined;
}

/**
 * Protects stored state: the media type of stored bytes never changes, and with `createOnly` a tag does not move. Call
 * it in one step with the write.
 * @throws DENIED for a violation of `createOnly`
 * @throws MANIFEST_INVALID when the bytes are stored under another type
 */
export function checkStanding(
  { name, same, taken }: Standing,
  { descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>,
  { createOnly = false }: Pick<PutOptions, 'createOnly'>,
): void {
  if (createOnly && taken !== undefined) {
    throw new AuthError('DENIED', `${name}:${taken} already exists and may not be moved`);
  }
  const { digest, mediaType } = descriptor;
  // A document that names its own type was checked against it, so a stored type that differs is damage, which a push
  // repairs.
  if (same === undefined || same.mediaType === mediaType || body.mediaType !== undefined) return;
  if (!isServedType(same.mediaType)) return;
  const message = `${name}@${digest} already exists as ${same.mediaType}, and its type does not change`;
  if (createOnly) throw new AuthError('DENIED', message);
  throw new ContentError('MANIFEST_INVALID', `${message}: delete it before you put it as ${mediaType}`);
}

/** False for types that browsers would render, such as `text/html`. A registry serves no manifest under these. */
export function isServedType(mediaType: string): boolean {
  return isManifestType(mediaType) || /^application\/[\w.+-]+\+json$/.test(mediaType);
}

/**
 * Refuses `createOnly` for places that cannot check and write in one step.
 * @throws UNSUPPORTED when it is set
 */
export function refuseCreateOnly(
  place: string,
  { createOnly = false }: Pick<PutOptions, 'createOnly'>,
): void {
  if (createOnly)
    throw new UnsupportedError(
      'createOnly',
      `${place} cannot check and write a tag in one step, so it does not support createOnly`,
    );
}
