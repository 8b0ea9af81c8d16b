import { ContentError, NotFoundError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';

/** A stored blob that was looked up. */
export interface FoundBlob {
  readonly size: number;
  open(options: OpenOptions): AsyncIterable<Uint8Array>;
  /** Releases the blob after the reading, also when the size was refused. */
  close?(): Promise<void>;
}

/**
 * Returns the content of a blob that is looked up when it is opened. `place` is the name of the place in messages.
 * Opening throws BLOB_UNKNOWN when the place does not have the blob, and SIZE_INVALID when a descriptor names another
 * size.
 */
export function foundContent(
  place: string,
  wanted: Digest | Descriptor,
  find: (digest: Digest) => FoundBlob | undefined | Promise<FoundBlob | undefined>,
): Content {
  const { digest, size } = typeof wanted === 'string' ? { digest: wanted } : wanted;
  return {
    size,
    replayable: true,
    async *open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
      options.signal?.throwIfAborted();
      const blob = await find(digest);
      if (blob === undefined) throw new NotFoundError('BLOB_UNKNOWN', `${place} has no blob ${digest}`);
      try {
        if (size !== undefined && size !== blob.size) throw wrongSize(place, digest, size, blob.size);
        yield* blob.open(options);
      } finally {
        await blob.close?.();
      }
    },
  };
}

function wrongSize(place: string, digest: Digest, expected: number, actual: number): ContentError {
  const message = `${place}: blob ${digest} has ${actual} bytes, but its descriptor names ${expected}`;
  return new ContentError('SIZE_INVALID', message, { expected, actual });
}
