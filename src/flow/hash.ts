import { startHash } from '#hash';
import { type Algorithm, type Digest, parseDigest } from '../spec/digest.ts';
import { checkArgument, bytes as isBytes, oneOf } from '../spec/options.ts';

const algorithms = oneOf('sha256', 'sha512');

/** A running hash. `digest()` ends it. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  digest(): Digest;
}

export function createHasher(algorithm: Algorithm = 'sha256'): Hasher {
  const hash = startHash(algorithm);
  return {
    update(chunk): void {
      hash.update(chunk);
    },
    digest: () => parseDigest(`${algorithm}:${hash.digest('hex')}`),
  };
}

/**
 * Computes the digest of bytes.
 * @defaultValue sha256
 */
export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  checkArgument('digestOf', 'bytes', bytes, isBytes);
  checkArgument('digestOf', 'algorithm', algorithm, algorithms);
  const hasher = createHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

/** Passes the chunks of a source on, and adds each to the hash before. */
export async function* hashing(
  source: AsyncIterable<Uint8Array>,
  hasher: Pick<Hasher, 'update'>,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    hasher.update(chunk);
    yield chunk;
  }
}

/** Reads a source to its end and keeps only the digest and the size. */
export async function measure(
  source: AsyncIterable<Uint8Array>,
  algorithm: Algorithm = 'sha256',
): Promise<{ readonly digest: Digest; readonly size: number }> {
  const hasher = createHasher(algorithm);
  let size = 0;
  for await (const chunk of source) {
    hasher.update(chunk);
    size += chunk.byteLength;
  }
  return { digest: hasher.digest(), size };
}
