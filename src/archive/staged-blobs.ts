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

/**
 * Keeps blobs in `folder`, which may have files of an earlier draft. `beside` finds blobs of an archive that is added to, which
 * need not be sent again.
 */
export function createStagedBlobs(
  folder: string,
  beside: (digest: Digest) => FileContent | undefined = () => undefined,
): StagedBlobs {
  const uploads = new StagedUploads(folder);
  const content = (digest: Digest): FileContent | undefined => uploads.content(digest) ?? beside(digest);
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      const size = content(digest)?.size;
      return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
    },
    open: (blob: Digest | Descriptor) => foundContent('the archive', blob, content),
    write(blob, source, options) {
      const start: Blobs['start'] = (by = {}) =>
        source.replayable ? uploads.continue(blob, by) : blobs.start(by);
      return writeBlob({ ...blobs, start }, blob, source, options);
    },
    ingest: (source, options) => ingestFile((algorithm) => uploads.start(algorithm), source, options),
    async mount(_digest, { signal } = {}) {
      signal?.throwIfAborted();
      return undefined;
    },
    async start(options = {}) {
      options.signal?.throwIfAborted();
      return uploads.start(startAlgorithm(options));
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      return uploads.demand(id);
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      return uploads.remove(digest);
    },
  };
  return { blobs, content, digests: () => uploads.digests() };
}

/** The uploads into the files of the folder, and the blobs that came of them. */
class StagedUploads {
  readonly #folder: string;
  readonly #sizes = new Map<Digest, number>();
  readonly #uploads = new Map<string, FileUpload>();
  /** The names of the partial files in use. */
  readonly #partial = new Set<string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  content(digest: Digest): FileContent | undefined {
    const size = this.#sizes.get(digest);
    return size === undefined ? undefined : pathContent(this.#pathOf(digest), size);
  }

  digests(): Iterable<Digest> {
    return this.#sizes.keys();
  }

  start(algorithm: Algorithm): Promise<FileUpload> {
    const id = randomUUID();
    return this.#begin({ id, name: id, algorithm }, (file) => FileUpload.start(file));
  }

  /** Starts the upload of a blob, and continues with the bytes that the draft of a killed process had. */
  async continue({ digest, size }: Descriptor, options: SignalOptions): Promise<FileUpload> {
    const algorithm = computableAlgorithm(digest);
    const name = partialName(digest);
    if (!isWorthContinuing(size) || this.#partial.has(name)) return this.start(algorithm);
    this.#partial.add(name);
    try {
      // Nothing has checked a whole file of the earlier draft in this process, so it counts as a partial one.
      const [whole, path] = [this.#pathOf(digest), join(this.#folder, name)];
      if (!this.#sizes.has(digest))
        await onArchiveFile(this.#folder, () => absentAs(undefined, rename(whole, path)));
      const open = (file: FileUploadOptions) => FileUpload.continue(file, { ...options, size });
      return await this.#begin({ id: randomUUID(), name, algorithm }, open);
    } catch (error) {
      this.#partial.delete(name);
      throw error;
    }
  }

  /** @throws BLOB_UPLOAD_UNKNOWN */
  demand(id: string): FileUpload {
    const upload = this.#uploads.get(id);
    if (upload !== undefined) return upload;
    throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', 'the archive has no upload session with this id');
  }

  async remove(digest: Digest): Promise<boolean> {
    if (!this.#sizes.delete(digest)) return false;
    await onArchiveFile(this.#folder, () => rm(this.#pathOf(digest)));
    return true;
  }

  async #begin(
    { id, name, algorithm }: { readonly id: string; readonly name: string; readonly algorithm: Algorithm },
    open: (options: FileUploadOptions) => Promise<FileUpload>,
  ): Promise<FileUpload> {
    const upload = await open({
      id,
      path: join(this.#folder, name),
      algorithm,
      syncs: false,
      keep: async ({ path, size }, digest) => {
        await onArchiveFile(this.#folder, () => rename(path, this.#pathOf(digest)));
        this.#sizes.set(digest, size);
      },
      forget: async () => {
        this.#uploads.delete(id);
        this.#partial.delete(name);
      },
    });
    this.#uploads.set(id, upload);
    return upload;
  }

  #pathOf(digest: Digest): string {
    return join(this.#folder, `${digestAlgorithm(digest)}-${digestEncoded(digest)}`);
  }
}
