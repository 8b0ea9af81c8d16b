import { NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Blobs } from '../store/contract.ts';
import { ingestBlob } from '../store/ingest.ts';
import { startAlgorithm, writeBlob } from '../store/write.ts';
import { blobContent, type MemoryBlob } from './blob.ts';
import { findAnywhere, type RegistryState, repositoryState } from './state.ts';
import { MemoryUpload } from './upload.ts';

export function openBlobs(registry: RegistryState, name: string): Blobs {
  const find = (digest: Digest): MemoryBlob | undefined => registry.repositories.get(name)?.blobs.get(digest);
  const keep = (digest: Digest, blob: MemoryBlob): Descriptor => {
    repositoryState(registry, name).blobs.set(digest, blob);
    return describe(digest, blob);
  };
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      const blob = find(digest);
      return blob === undefined ? undefined : describe(digest, blob);
    },
    open: (blob) => blobContent(blob, () => find(typeof blob === 'string' ? blob : blob.digest)),
    write: (blob, content, options) => writeBlob(blobs, blob, content, options),
    ingest: (content, options) => ingestBlob(blobs, content, options),
    async mount(digest, { from, signal } = {}) {
      signal?.throwIfAborted();
      const blob =
        from === undefined
          ? findAnywhere(registry, digest)
          : registry.repositories.get(from)?.blobs.get(digest);
      return blob === undefined ? undefined : keep(digest, blob);
    },
    async start(options = {}) {
      options.signal?.throwIfAborted();
      const algorithm = startAlgorithm(options);
      const id = crypto.randomUUID();
      const forget = (): void => void registry.uploads.delete(id);
      const upload = new MemoryUpload(id, name, algorithm, { keep, forget });
      registry.uploads.set(id, upload);
      return upload;
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      const upload = registry.uploads.get(id);
      if (upload?.repository !== name) {
        throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `${name} has no upload session of that id`);
      }
      return upload;
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      return registry.repositories.get(name)?.blobs.delete(digest) ?? false;
    },
  };
  return blobs;
}

function describe(digest: Digest, { size }: MemoryBlob): Descriptor {
  return { mediaType: MediaType.octetStream, digest, size };
}
