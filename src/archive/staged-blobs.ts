import { randomUUID } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isPartialName, isWorthContinuing, partialName } from '../blobfile/partial.ts';
import { FileUpload, type FileUploadOptions, ingestFile } from '../blobfile/upload.ts';
import { NotFoundError } from '../errors.ts';
import { absentAs } from '../files/files.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import {
  type Algorithm,
  computableAlgorithm,
  type Digest,
  digestAlgorithm,
  digestEncoded,
} from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Blobs, SignalOptions } from '../store/contract.ts';
import { foundContent } from '../store/found-content.ts';
import { startAlgorithm, writeBlob } from '../store/write.ts';
import { onArchiveFile } from './failure.ts';
import { type FileContent, pathContent } from './file.ts';

/** Returns whether a file of a draft has bytes of a blob, from its start on. */
export function isStagedBlob(name: string): boolean {
  return isPartialName(name) || isPartialName(`${name}.part`);
}

/** The blobs of an archive that is not yet written, each in a file of a folder. */
export interface StagedBlobs {
  readonly blobs: Blobs;
  content(digest: Digest): FileContent | undefined;
  digests(): Iterable<Digest>;
}

/** Keeps blobs in `folder`, which may have files of an earlier draft. `beside` finds blobs of an archive that is added to, which need not be sent again. */
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
  /** The partial files in use. */
  const partial = new Set<string>();
  const begin = async (
    { id, name, algorithm }: { readonly id: string; readonly name: string; readonly algorithm: Algorithm },
    open: (options: FileUploadOptions) => Promise<FileUpload>,
  ): Promise<FileUpload> => {
    const upload = await open({
      id,
      path: join(folder, name),
      algorithm,
      syncs: false,
      async keep({ path, size }, digest) {
        await onArchiveFile(folder, () => rename(path, pathOf(digest)));
        sizes.set(digest, size);
      },
      forget: async () => {
        uploads.delete(id);
        partial.delete(name);
      },
    });
    uploads.set(id, upload);
    return upload;
  };
  const start = (algorithm: Algorithm): Promise<FileUpload> => {
    const id = randomUUID();
    return begin({ id, name: id, algorithm }, (file) => FileUpload.start(file));
  };
  /** Starts the upload of a blob, and continues with the bytes that the draft of a killed process had. */
  const continued = async ({ digest, size }: Descriptor, options: SignalOptions): Promise<FileUpload> => {
    const algorithm = computableAlgorithm(digest);
    const name = partialName(digest);
    if (!isWorthContinuing(size) || partial.has(name)) return start(algorithm);
    partial.add(name);
    try {
      // Nothing has checked a whole file of the earlier draft in this process, so it counts as a partial one.
      const [whole, path] = [pathOf(digest), join(folder, name)];
      if (!sizes.has(digest)) await onArchiveFile(folder, () => absentAs(undefined, rename(whole, path)));
      const open = (file: FileUploadOptions) => FileUpload.continue(file, { ...options, size });
      return await begin({ id: randomUUID(), name, algorithm }, open);
    } catch (error) {
      partial.delete(name);
      throw error;
    }
  };
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      const size = content(digest)?.size;
      return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
    },
    open: (blob: Digest | Descriptor) => foundContent('the archive', blob, content),
    write(blob, source, options) {
      const begun: Blobs['start'] = (by = {}) => (source.replayable ? continued(blob, by) : blobs.start(by));
      return writeBlob({ ...blobs, start: begun }, blob, source, options);
    },
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
