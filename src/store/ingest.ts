import { type Content, mapContent } from '../flow/content.ts';
import { createHasher } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Algorithm, Digest } from '../spec/digest.ts';
import type { Blobs, IngestOptions } from './contract.ts';
import type { Upload } from './upload.ts';

/** Implements `Blobs.ingest` by an upload that computes the digest on the way. Cancels a failed upload. */
export async function ingestBlob(
  blobs: Pick<Blobs, 'start'>,
  content: Content,
  options: IngestOptions = {},
): Promise<Descriptor> {
  const { mediaType, algorithm = 'sha256' } = options;
  const { hashed, digest } = hashedContent(content, algorithm);
  const upload = await blobs.start(options);
  try {
    await upload.append(hashed, options);
    const blob = await upload.commit(digest(), undefined, options);
    return mediaType === undefined ? blob : { ...blob, mediaType };
  } catch (error) {
    await abandon(upload);
    throw error;
  }
}

/**
 * Cancels an upload without the caller's signal, since an abort is the usual reason. Hides its own errors, so that the
 * first error is reported.
 */
export async function abandon(upload: Pick<Upload, 'cancel'>): Promise<void> {
  await upload.cancel().catch(() => undefined);
}

/** Hashes each byte the first time it passes, since an upload that recovers reads some bytes again. */
function hashedContent(
  content: Content,
  algorithm: Algorithm,
): { readonly hashed: Content; readonly digest: () => Digest } {
  const hasher = createHasher(algorithm);
  let end = 0;
  const hashed = mapContent(content, async function* hash(source, { from = 0 }) {
    let at = from;
    for await (const chunk of source) {
      hasher.update(chunk.subarray(Math.min(chunk.byteLength, end - at)));
      at += chunk.byteLength;
      end = Math.max(end, at);
      yield chunk;
    }
  });
  return { hashed, digest: () => hasher.digest() };
}
