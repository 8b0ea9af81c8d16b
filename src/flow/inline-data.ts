import { fromBase64Url } from '../spec/base64url.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { digestAlgorithm } from '../spec/digest.ts';
import { digestOf } from './hash.ts';

/**
 * Returns the content in a descriptor's `data`. Returns undefined without `data`, and also when `data` does not match
 * the digest and the size; the place that stores the content then decides.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#embedded-content
 */
export function inlineData({ data, digest, size, unsized }: Descriptor): Uint8Array | undefined {
  if (data === undefined) return undefined;
  const bytes = fromBase64(data);
  const algorithm = digestAlgorithm(digest);
  if (bytes === undefined || (algorithm !== 'sha256' && algorithm !== 'sha512')) return undefined;
  if (unsized !== true && bytes.byteLength !== size) return undefined;
  return digestOf(bytes, algorithm) === digest ? bytes : undefined;
}

function fromBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.slice(0, text.length - padding);
  return fromBase64Url(digits.replaceAll('+', '-').replaceAll('/', '_'));
}
