import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileUpload, ingestFile } from '../blobfile/upload.ts';
import { NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Blobs } from '../store/contract.ts';
import { foundContent } from '../store/found-content.ts';
import { startAlgorithm, writeBlob } from '../store/write.ts';
import { onArchiveFile } from './failure.ts';
import { type FileContent, pathContent } from './file.ts';

/** The blobs of an archive that is not yet written, each in a file of a folder. */
export interface StagedBlobs {
  readonly blobs: Blobs;
  content(digest: Digest): FileContent | undefined;
  digests(): Iterable<Digest>;
}

/** Keeps blobs in `folder`. `beside` finds blobs of an archive that is added to, which need not be sent again. */
export function createStagedBlobs(
  folder: string,
  beside: (digest: Digest) => FileContent | undefined = () => undefined,
): StagedBlobs {
  const sizes = new Map<Digest, number>();
  const uploads = new Map<string, FileUpload>();
  const pathOf = (digest: Digest): string =>
    join(folder, `${digestAlgorithm(digest)}-${digestEncoded(digest)}`);
  const content = (digest: Digest): FileContent | undefined => {
    const size = sizes.get(digest);
    return size === undefined ? beside(digest) : pathContent(pathOf(digest), size);
  };
  const start = async (algorithm: Algorithm): Promise<FileUpload> => {
    const id = randomUUID();
    const upload = await FileUpload.start({
      id,
      path: join(folder, id),
      algorithm,
      syncs: false,
      async keep({ path, size }, digest) {
        await onArchiveFile(folder, () => rename(path, pathOf(digest)));
        sizes.set(digest, size);
      },
      forget: async () => void uploads.delete(id),
    });
    uploads.set(id, upload);
    return upload;
  };
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      const size = content(digest)?.size;
      return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
    },
    open: (blob: Digest | Descriptor) => foundContent('the archive', blob, content),
    write: (blob, source, options) => writeBlob(blobs, blob, source, options),
    ingest: (source, options) => ingestFile(start, source, options),
    async mount(_digest, { signal } = {}) {
      signal?.throwIfAborted();
      return undefined;
    },
    async start(options = {}) {
      options.signal?.throwIfAborted();
      return start(startAlgorithm(options));
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      const upload = uploads.get(id);
      if (upload !== undefined) return upload;
      throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', 'the archive has no upload session with this id');
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      if (!sizes.delete(digest)) return false;
      await onArchiveFile(folder, () => rm(pathOf(digest)));
      return true;
    },
  };
  return { blobs, content, digests: () => sizes.keys() };
}
