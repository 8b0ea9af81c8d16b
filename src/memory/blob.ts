import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { foundContent } from '../store/found-content.ts';

/** The chunks as received. They are never joined, since that would take twice the memory. */
export interface MemoryBlob {
  readonly chunks: readonly Uint8Array[];
  readonly size: number;
}

/**
 * Returns the content of the blob that `find` returns when it is opened. The blob was verified when it was stored and
 * no other code can change it, so it is not hashed again. Only a descriptor with a wrong size is refused.
 */
export function blobContent(wanted: Digest | Descriptor, find: () => MemoryBlob | undefined): Content {
  return foundContent('the registry', wanted, () => {
    const blob = find();
    return blob && { size: blob.size, open: (options) => slices(blob, options) };
  });
}

/** Yields the part of the blob that the options select. */
export async function* slices(
  { chunks, size }: MemoryBlob,
  { from = 0, to = size, signal }: OpenOptions,
): AsyncIterable<Uint8Array> {
  let at = 0;
  for (const chunk of chunks) {
    signal?.throwIfAborted();
    const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (part.byteLength > 0) yield part;
    at += chunk.byteLength;
    if (at >= to) return;
  }
}
