import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { BlobProgress } from '../store/blob-progress.ts';
import type { Repository } from '../store/contract.ts';

/** Wraps a place so that each blob goes through `cache`: gantry takes blobs from there, and keeps fetched blobs there. */
export function cachedBlobs(source: Repository, cache: Repository): Repository {
  const open = (blob: Descriptor): Content => ({
    size: blob.size,
    replayable: true,
    async *open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const { signal, onKept } = options;
      const onProgress = ({ moved }: BlobProgress): void => onKept?.(moved);
      await cache.blobs.write(blob, source.blobs.open(blob), { onProgress, signal });
      yield* cache.blobs.open(blob).open(options);
    },
  });
  const { blobs } = source;
  return {
    ...source,
    blobs: {
      ...blobs,
      // A cache needs the size of a blob to write it, so blobs without one bypass the cache.
      open: (blob) => (typeof blob === 'string' ? blobs.open(blob) : open(blob)),
    },
  };
}
