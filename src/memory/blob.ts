import { ContentError, NotFoundError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';

/** Bytes as they came in. They are never joined: that would need the room twice. */
export interface MemoryBlob {
  readonly chunks: readonly Uint8Array[];
  readonly size: number;
}

/**
 * The blob that `find` answers when the content is opened. It was verified when it came in and nobody else can reach
 * it, so it isn't hashed again: only a descriptor that lies about the size is refused.
 */
export function blobContent(wanted: Digest | Descriptor, find: () => MemoryBlob | undefined): Content {
  const { digest, size } = typeof wanted === 'string' ? { digest: wanted } : wanted;
  return {
    ...(size === undefined ? {} : { size }),
    replayable: true,
    async *open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
      options.signal?.throwIfAborted();
      const blob = find();
      if (blob === undefined) throw new NotFoundError('BLOB_UNKNOWN', `blob ${digest} is not there`);
      if (size !== undefined && size !== blob.size) {
        throw new ContentError('SIZE_INVALID', `blob ${digest}: ${blob.size} bytes, not ${size}`, {
          expected: size,
          actual: blob.size,
        });
      }
      yield* slices(blob, options);
    },
  };
}

/** The part of the blob that the options name. */
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
