import { AuthError, ContentError, InputError, NotFoundError, UnsupportedError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { checkDigest } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import { isTag } from '../spec/reference.ts';
import type { Blobs, PutOptions } from './contract.ts';

/** The descriptor must be true of the bytes. Throws DIGEST_INVALID, SIZE_INVALID, UNSUPPORTED. */
export function checkBytes({ descriptor, bytes }: Pick<Manifest, 'descriptor' | 'bytes'>): void {
  const { digest, size } = descriptor;
  checkDigest(digestOf(bytes, computableAlgorithm(digest)), digest, `manifest ${digest}`);
  if (bytes.byteLength !== size) {
    throw new ContentError(
      'SIZE_INVALID',
      `manifest ${digest}: ${bytes.byteLength} bytes, not the ${size} of its descriptor`,
      { expected: size, actual: bytes.byteLength },
    );
  }
}

/**
 * The blobs that an image names must be there first. Children of an index and a subject need not be: sparse indexes
 * and early signatures are allowed. Throws MANIFEST_BLOB_UNKNOWN for the first one missing, unless it may be `sparse`.
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

/** What an image can't do without; those layers not that registries may not distribute. */
export function neededBlobs(body: Manifest['body']): readonly Descriptor[] {
  if (body.kind !== 'image') return [];
  return [body.config, ...body.layers.filter((layer) => isDistributable(layer.mediaType))];
}

export function missingBlob(manifest: Digest, blob: Digest): NotFoundError {
  return new NotFoundError(
    'MANIFEST_BLOB_UNKNOWN',
    `manifest ${manifest} names blob ${blob}, which is not there`,
  );
}

/** Throws INVALID_REFERENCE. */
export function checkTags(tags: readonly string[]): void {
  for (const tag of tags) {
    if (!isTag(tag)) {
      const advice = tag.includes('/') ? ': a tag stands alone, without registry and repository' : '';
      throw new InputError('INVALID_REFERENCE', `"${tag.slice(0, 200)}" is not a tag${advice}`);
    }
  }
}

/** A repository as it stands at the moment of a put. */
export interface Standing {
  readonly name: string;
  /** The manifest of the same bytes, if it is there. */
  readonly same: Descriptor | undefined;
  /** Another manifest's tag among those of the put. */
  readonly taken: string | undefined;
}

/**
 * What is there stands: the type of the same bytes for everybody, a tag for `createOnly`. To be called in one step with the
 * write. Throws DENIED for `createOnly`, and MANIFEST_INVALID.
 */
export function checkStanding(
  { name, same, taken }: Standing,
  { descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>,
  { createOnly = false }: Pick<PutOptions, 'createOnly'>,
): void {
  if (createOnly && taken !== undefined) {
    throw new AuthError('DENIED', `${name}:${taken} is there already, and may not be moved`);
  }
  const { digest, mediaType } = descriptor;
  // A document that states its type was checked against it, and a kept type that differs is damage. Push heals that.
  if (same === undefined || same.mediaType === mediaType || body.mediaType !== undefined) return;
  if (!isServedType(same.mediaType)) return;
  const message = `${name}@${digest} is there already as ${same.mediaType}, and its type does not change`;
  if (createOnly) throw new AuthError('DENIED', message);
  throw new ContentError('MANIFEST_INVALID', `${message}: delete it before it is put as ${mediaType}`);
}

/** Whether a registry serves a manifest under this type: as `text/html`, browsers would show it. */
export function isServedType(mediaType: string): boolean {
  return isManifestType(mediaType) || /^application\/[\w.+-]+\+json$/.test(mediaType);
}

/** For places that one caller writes to. Throws UNSUPPORTED. */
export function refuseCreateOnly(
  place: string,
  { createOnly = false }: Pick<PutOptions, 'createOnly'>,
): void {
  if (createOnly)
    throw new UnsupportedError('createOnly', `${place} can't check and write a tag in one step`);
}
