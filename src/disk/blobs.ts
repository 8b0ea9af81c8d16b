import { blobFileContent } from '../blobfile/blob-file.ts';
import { ingestFile } from '../blobfile/upload.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Blobs, SignalOptions } from '../store/contract.ts';
import { startAlgorithm, writeBlob } from '../store/write.ts';
import { RepositoryFolder } from './folder.ts';
import type { RegistryState } from './state.ts';

export function openBlobs(registry: RegistryState, folder: RepositoryFolder): Blobs {
  const { cache, pool, sessions, soundness } = registry;
  const { layout, name } = folder;
  const find = async (digest: Digest, options: SignalOptions): Promise<Descriptor | undefined> => {
    const file = await folder.blobFile(digest);
    if (file === undefined || !(await soundness.isSound(folder.blobPath(digest), digest, file, options)))
      return undefined;
    cache.promise(name, digest);
    return { mediaType: MediaType.octetStream, digest, size: file.size };
  };
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      return find(digest, { signal });
    },
    open: (blob) => blobFileContent(layout, blob, { witness: soundness }),
    write: (blob, content, options) => writeBlob(blobs, blob, content, options),
    ingest: (content, options) =>
      ingestFile((algorithm) => sessions.start(folder, algorithm), content, options),
    async mount(digest, { from, signal } = {}) {
      signal?.throwIfAborted();
      if (from !== undefined && !isRepositoryName(from)) return undefined;
      const source = from === undefined ? undefined : new RepositoryFolder(registry.repositories, from);
      // The look takes the blob back from the trash.
      await source?.blobSize(digest);
      return (await pool.mount(digest, source?.layout, layout, { signal }))
        ? find(digest, { signal })
        : undefined;
    },
    async start(options = {}) {
      options.signal?.throwIfAborted();
      return sessions.start(folder, startAlgorithm(options));
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      return sessions.resume(folder, id, { signal });
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      // The bytes of a manifest are removed with the manifest.
      if (await folder.hasManifest(digest)) return false;
      cache.release(name, digest);
      return pool.remove(digest, folder, { signal });
    },
  };
  return blobs;
}
