import { ContentError, NotFoundError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';

/** A stored blob whose bytes need no further check. */
export interface FoundBlob {
  readonly size: number;
  open(options: OpenOptions): AsyncIterable<Uint8Array>;
}

/**
 * Returns the content of a blob that is looked up when it is opened. `place` is the name of the place in messages.
 * Opening throws BLOB_UNKNOWN when the place does not have the blob, and SIZE_INVALID when a descriptor names another
 * size.
 */
export function foundContent(
  place: string,
  wanted: Digest | Descriptor,
  find: (digest: Digest) => FoundBlob | undefined,
): Content {
  const { digest, size } = typeof wanted === 'string' ? { digest: wanted } : wanted;
  return {
    ...(size === undefined ? {} : { size }),
    replayable: true,
    async *open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
      options.signal?.throwIfAborted();
      const blob = find(digest);
      if (blob === undefined) throw new NotFoundError('BLOB_UNKNOWN', `${place} has no blob ${digest}`);
      if (size !== undefined && size !== blob.size) {
        throw new ContentError(
          'SIZE_INVALID',
          `${place}: blob ${digest} has ${blob.size} bytes, but its descriptor names ${size}`,
          { expected: size, actual: blob.size },
        );
      }
      yield* blob.open(options);
    },
  };
}
