import { ContentError, isGantryError } from '../errors.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import { createHasher } from './hash.ts';

export interface Expected {
  readonly digest: Digest;
  /** Bytes; where given, a longer source is stopped at the first byte too many. */
  readonly size?: number;
  /** What an error calls it, e.g. `blob sha256:... of ghcr.io/acme/app`. Default: the digest. */
  readonly what?: string;
}

/**
 * Hands the bytes on and fails unless they are what was expected: with a size before the last chunk is handed on, so that
 * nobody gets all of something wrong, and without one at the end, when all has been handed on.
 * Throws SIZE_INVALID, DIGEST_INVALID; UNSUPPORTED at once for a digest that can't be computed.
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

/** Throws DIGEST_INVALID if the bytes of `what` turned out to have another digest than they should. */
export function checkDigest(actual: Digest, expected: Digest, what: string): void {
  if (actual === expected) return;
  throw new ContentError('DIGEST_INVALID', `${what}: the bytes have digest ${actual}`, { expected, actual });
}

/** Whether bytes were not what their descriptor says, whoever found it out: what was spoilt on the way may come well again. */
export function isSpoilt(error: unknown): boolean {
  return isGantryError(error, 'DIGEST_INVALID') || isGantryError(error, 'SIZE_INVALID');
}

function sizeError(what: string, expected: number, actual: number): ContentError {
  const said = actual > expected ? `more than the ${expected} bytes` : `${actual} of the ${expected} bytes`;
  return new ContentError('SIZE_INVALID', `${what}: got ${said} that were announced`, { expected, actual });
}
