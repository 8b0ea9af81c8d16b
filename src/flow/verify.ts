import { ContentError, isGantryError } from '../errors.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import { createHasher } from './hash.ts';

/** The expected digest and size of a source. */
export interface Expected {
  readonly digest: Digest;
  /** In bytes. With a size, a longer source fails at the first excess byte. */
  readonly size?: number;
  /**
   * The name of the source in errors, e.g. `blob sha256:... of ghcr.io/acme/app`.
   * @defaultValue the digest
   */
  readonly what?: string;
}

/**
 * Passes bytes through and fails unless they match. With a size it fails before the last chunk, so that no reader gets
 * the whole of wrong content; without one it fails at the end.
 * @throws SIZE_INVALID for another length
 * @throws DIGEST_INVALID for other content
 * @throws UNSUPPORTED at once for an algorithm that gantry does not compute
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  { digest, size, what = digest }: Expected,
): AsyncIterable<Uint8Array> {
  const hasher = createHasher(computableAlgorithm(digest));
  let length = 0;
  let checked = false;
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    length += chunk.byteLength;
    if (size !== undefined && length > size) throw sizeError(what, size, length);
    hasher.update(chunk);
    if (length === size && !checked) {
      checkDigest(hasher.digest(), digest, what);
      checked = true;
    }
    yield chunk;
  }
  if (size !== undefined && length !== size) throw sizeError(what, size, length);
  if (!checked) checkDigest(hasher.digest(), digest, what);
}

/**
 * Compares the digest of bytes with the expected one.
 * @throws DIGEST_INVALID when they differ
 */
export function checkDigest(actual: Digest, expected: Digest, what: string): void {
  if (actual === expected) return;
  throw new ContentError('DIGEST_INVALID', `${what}: the bytes have another digest, ${actual}`, {
    expected,
    actual,
  });
}

/** True for an error that reports corrupt bytes. Another transfer may deliver them intact. */
export function isSpoilt(error: unknown): boolean {
  return isGantryError(error, 'DIGEST_INVALID') || isGantryError(error, 'SIZE_INVALID');
}

function sizeError(what: string, expected: number, actual: number): ContentError {
  const said = actual > expected ? `more than the ${expected} bytes` : `${actual} of the ${expected} bytes`;
  return new ContentError('SIZE_INVALID', `${what}: got ${said} that were announced`, { expected, actual });
}
