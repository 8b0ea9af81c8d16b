import { randomUUID } from 'node:crypto';
import { constants, type FileHandle, open, rename, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentError, NotFoundError } from '../errors.ts';
import { writeFully } from '../files/files.ts';
import type { Content } from '../flow/content.ts';
import { gathered } from '../flow/gather.ts';
import { createHasher, type Hasher } from '../flow/hash.ts';
import { checkDigest } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import {
  type Algorithm,
  computableAlgorithm,
  type Digest,
  digestAlgorithm,
  digestEncoded,
} from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { AppendOptions, Blobs, SignalOptions, Upload } from '../store/contract.ts';
import { ingestBlob } from '../store/ingest.ts';
import { createUploadMutex, type UploadMutex } from '../store/upload-mutex.ts';
import { writeBlob } from '../store/write.ts';
import { onDisk } from './failure.ts';
import { type FileContent, pathContent, step } from './file.ts';

/** Blobs on their way into an archive, each a file in a folder. */
export interface Stage {
  readonly blobs: Blobs;
  content(digest: Digest): FileContent | undefined;
  digests(): Iterable<Digest>;
}

/** `beside`: blobs of an archive that is added to, which need not come once more. */
export function createStage(
  folder: string,
  beside: (digest: Digest) => FileContent | undefined = () => undefined,
): Stage {
  const sizes = new Map<Digest, number>();
  const uploads = new Map<string, StagedUpload>();
  const pathOf = (digest: Digest): string =>
    join(folder, `${digestAlgorithm(digest)}-${digestEncoded(digest)}`);
  const describe = (digest: Digest): Descriptor | undefined => {
    const size = sizes.get(digest) ?? beside(digest)?.size;
    return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
  };
  const content = (digest: Digest): FileContent | undefined => {
    const size = sizes.get(digest);
    return size === undefined ? beside(digest) : pathContent(pathOf(digest), size);
  };
  const keep = async (upload: StagedUpload, digest: Digest): Promise<Descriptor> => {
    await onDisk(folder, () => rename(upload.path, pathOf(digest)));
    sizes.set(digest, upload.offset);
    return { mediaType: MediaType.octetStream, digest, size: upload.offset };
  };
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      return describe(digest);
    },
    open: (blob) => stagedContent(blob, content),
    write: (blob, source, options) => writeBlob(blobs, blob, source, options),
    ingest: (source, options) => ingestBlob(blobs, source, options),
    async mount(_digest, { signal } = {}) {
      signal?.throwIfAborted();
      return undefined;
    },
    async start({ algorithm = 'sha256', signal } = {}) {
      signal?.throwIfAborted();
      const id = randomUUID();
      const forget = (): void => void uploads.delete(id);
      const upload = new StagedUpload(id, join(folder, id), algorithm, { keep, forget });
      uploads.set(id, upload);
      return upload;
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      const upload = uploads.get(id);
      if (upload !== undefined) return upload;
      throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', 'the archive has no upload session of that id');
    },
    async delete(digest, { signal } = {}) {
      signal?.throwIfAborted();
      if (!sizes.delete(digest)) return false;
      await onDisk(folder, () => rm(pathOf(digest)));
      return true;
    },
  };
  return { blobs, content, digests: () => sizes.keys() };
}

function stagedContent(
  blob: Digest | Descriptor,
  find: (digest: Digest) => FileContent | undefined,
): Content {
  const { digest, size } = typeof blob === 'string' ? { digest: blob } : blob;
  return {
    ...(size === undefined ? {} : { size }),
    replayable: true,
    async *open(options = {}): AsyncIterable<Uint8Array> {
      options.signal?.throwIfAborted();
      const content = find(digest);
      if (content === undefined) throw new NotFoundError('BLOB_UNKNOWN', `blob ${digest} is not there`);
      if (size !== undefined && size !== content.size) {
        throw new ContentError('SIZE_INVALID', `blob ${digest}: ${content.size} bytes, not ${size}`, {
          expected: size,
          actual: content.size,
        });
      }
      yield* content.open(options);
    },
  };
}

interface Ends {
  /** Makes the finished file the blob of that digest. */
  readonly keep: (upload: StagedUpload, digest: Digest) => Promise<Descriptor>;
  readonly forget: () => void;
}

/** A session that ends with the archive. Appends that overlap wait for each other. */
class StagedUpload implements Upload {
  readonly id: string;
  readonly path: string;
  readonly limits: Upload['limits'] = {};
  readonly #algorithm: Algorithm;
  readonly #ends: Ends;
  readonly #hasher: Hasher;
  readonly #mutex: UploadMutex;
  #offset = 0;
  #isOpen = true;

  constructor(id: string, path: string, algorithm: Algorithm, ends: Ends) {
    this.id = id;
    this.#mutex = createUploadMutex(id);
    this.path = path;
    this.#algorithm = algorithm;
    this.#ends = ends;
    this.#hasher = createHasher(algorithm);
  }

  get offset(): number {
    return this.#offset;
  }

  append(content: Content, options: AppendOptions = {}): Promise<void> {
    return this.#mutex.run((telling) => this.#take(content, telling), options);
  }

  async commit(digest: Digest, content?: Content, options: AppendOptions = {}): Promise<Descriptor> {
    const algorithm = computableAlgorithm(digest);
    return this.#mutex.run(async (telling) => {
      this.#demandOpen();
      if (content !== undefined) await this.#take(content, telling);
      options.signal?.throwIfAborted();
      // An upload of nothing has no file yet, and a write that failed may have left more than was counted.
      await this.#opened(async () => undefined);
      await onDisk(this.path, () => truncate(this.path, this.#offset));
      const actual = await this.#digest(algorithm);
      this.#close();
      if (actual !== digest) await rm(this.path, { force: true });
      checkDigest(actual, digest, `blob ${digest}`);
      return this.#ends.keep(this, digest);
    }, options);
  }

  async cancel(options: SignalOptions = {}): Promise<void> {
    await this.#mutex.run(async () => {
      // A blob has moved away from this path by then.
      this.#close();
      await rm(this.path, { force: true });
    }, options);
  }

  #close(): void {
    this.#isOpen = false;
    this.#ends.forget();
  }

  #demandOpen(): void {
    if (this.#isOpen) return;
    throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', 'the upload session is closed');
  }

  async #take(content: Content, { signal, onProgress }: AppendOptions): Promise<void> {
    this.#demandOpen();
    signal?.throwIfAborted();
    await this.#opened(async (file) => {
      for await (const chunk of gathered(content.open({ signal }), step)) {
        signal?.throwIfAborted();
        await onDisk(this.path, () => writeFully(file, chunk, this.#offset));
        this.#hasher.update(chunk);
        this.#offset += chunk.byteLength;
        onProgress?.({ sent: this.#offset, acknowledged: this.#offset, moved: this.#offset });
      }
    });
  }

  async #opened(work: (file: FileHandle) => Promise<void>): Promise<void> {
    // Created if it isn't there, and what is there stays: bytes go where the session stands.
    const file = await onDisk(this.path, () => open(this.path, constants.O_RDWR | constants.O_CREAT));
    try {
      await work(file);
    } finally {
      await file.close();
    }
  }

  /** The running hash, unless the session was started for another algorithm. */
  async #digest(algorithm: Algorithm): Promise<Digest> {
    if (algorithm === this.#algorithm) return this.#hasher.digest();
    const hasher = createHasher(algorithm);
    for await (const chunk of pathContent(this.path, this.#offset).open()) hasher.update(chunk);
    return hasher.digest();
  }
}
