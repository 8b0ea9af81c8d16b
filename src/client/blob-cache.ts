import type { Content, OpenOptions } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { BlobProgress } from '../store/blob-progress.ts';
import type { Repository } from '../store/contract.ts';

/** The same place, each blob going through `cache`: what that has is not fetched, what is fetched stays there. */
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
      // Without its size a blob can't be written anywhere else, so it passes by.
      open: (blob) => (typeof blob === 'string' ? blobs.open(blob) : open(blob)),
    },
  };
}
