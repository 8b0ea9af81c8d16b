import { ContentError } from '../errors.ts';
import { type Content, mapContent, sliceContent } from '../flow/content.ts';
import { isSpoilt } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm } from '../spec/digest.ts';
import type { Blobs, WriteOptions, WriteOutcome } from './contract.ts';
import { abandon } from './ingest.ts';
import type { StartOptions } from './upload.ts';

/**
 * Implements `Blobs.write` for a place with cheap steps: looks for the blob, tries to mount it, and uploads it
 * otherwise. Cancels a failed upload, so nothing remains.
 */
export async function writeBlob(
  blobs: Pick<Blobs, 'stat' | 'mount' | 'start'>,
  blob: Descriptor,
  content: Content,
  options: WriteOptions = {},
): Promise<WriteOutcome> {
  const found = options.replace === true ? undefined : await findBlob(blobs, blob, options);
  if (found !== undefined) return found;
  await uploadBlob(blobs, blob, content, options);
  return 'uploaded';
}

async function findBlob(
  blobs: Pick<Blobs, 'stat' | 'mount'>,
  blob: Descriptor,
  options: WriteOptions,
): Promise<'existed' | 'mounted' | undefined> {
  const there = await blobs.stat(blob.digest, options);
  if (there !== undefined) {
    checkSize(blob, there.size);
    return 'existed';
  }
  for (const from of options.mountFrom ?? []) {
    const mounted = await blobs.mount(blob.digest, { ...options, from });
    if (mounted === undefined) continue;
    checkSize(blob, mounted.size);
    return 'mounted';
  }
  return undefined;
}

/** Sends the blob, or the rest of it if the place continues the upload of a killed process. */
async function uploadBlob(
  blobs: Pick<Blobs, 'start'>,
  blob: Descriptor,
  content: Content,
  options: WriteOptions,
  isLast = false,
): Promise<void> {
  const upload = await blobs.start({ digest: blob.digest, signal: options.signal });
  const { offset } = upload;
  try {
    // The place hashes the bytes that it stores, so they need no second check.
    await upload.commit(blob.digest, sized(content.unverified ?? content, blob, offset), options);
  } catch (error) {
    await abandon(upload);
    // The earlier bytes may be the wrong ones, and are gone now.
    if (offset > 0 && !isLast && isSpoilt(error)) return uploadBlob(blobs, blob, content, options, true);
    throw error;
  }
}

/**
 * Returns the bytes from `offset` on. Fails at the first byte beyond the descriptor's size, or at the end of content that is too
 * short.
 */
function sized(content: Content, blob: Descriptor, offset: number): Content {
  const rest = offset === 0 ? content : sliceContent(content, offset, blob.size);
  return mapContent(rest, async function* measure(source) {
    let length = offset;
    for await (const chunk of source) {
      length += chunk.byteLength;
      if (length > blob.size) checkSize(blob, length);
      yield chunk;
    }
    checkSize(blob, length);
  });
}

/**
 * Compares a size with the descriptor.
 * @throws SIZE_INVALID when they differ
 */
function checkSize({ digest, size }: Descriptor, actual: number): void {
  if (actual === size) return;
  throw new ContentError(
    'SIZE_INVALID',
    `blob ${digest}: ${actual} bytes came, but its descriptor names ${size}`,
    {
      expected: size,
      actual,
    },
  );
}

/**
 * Returns the algorithm by which a started upload hashes its bytes.
 * @throws UNSUPPORTED for a digest of another algorithm
 */
export function startAlgorithm({ algorithm, digest }: StartOptions): Algorithm {
  return algorithm ?? (digest === undefined ? 'sha256' : computableAlgorithm(digest));
}
