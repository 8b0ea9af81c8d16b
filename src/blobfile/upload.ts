import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isGantryError, NotFoundError } from '../errors.ts';
import { onDisk, openRegular, removeFile, syncFile, unlessUnreadable } from '../files/files.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { checkDigest } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { IngestOptions, SignalOptions } from '../store/contract.ts';
import { abandon } from '../store/ingest.ts';
import type { AppendOptions, Upload } from '../store/upload.ts';
import { createUploadMutex, type UploadMutex } from '../store/upload-mutex.ts';
import { fileChunks, hashFile } from './blob-file.ts';
import { createHashWriter, type HashWriter } from './hash-writer.ts';
import { partialSize } from './partial.ts';
import { type FileResources, processFiles } from './resources.ts';
import { createWriteBuffer } from './write-buffer.ts';

/** A file with the right digest that has no final name yet. */
export interface FinishedFile {
  readonly path: string;
  readonly size: number;
  /** Resolves when the bytes are on the disk. */
  sync(): Promise<void>;
}

export interface FileUploadOptions {
  readonly id: string;
  /** The file that collects the bytes until the digest is known. */
  readonly path: string;
  readonly algorithm: Algorithm;
  /**
   * Whether the bytes of an append are brought to the disk in steps. Default true; false for files that need not survive
   * the process.
   */
  readonly syncs?: boolean | undefined;
  /** Whether a session ends when the disk is full, so that its bytes free space. Default false: it can continue. */
  readonly yields?: boolean | undefined;
  /** The last use of a restored session, in milliseconds of `performance.now`. */
  readonly used?: number | undefined;
  /** Moves the finished file to its final place; afterwards nothing is at `path`. */
  readonly keep: (file: FinishedFile, digest: Digest) => Promise<void>;
  /** Called when the session ends in any way. */
  readonly forget: () => Promise<void>;
  /**
   * The memory, threads and syncs that the upload shares with others.
   * @defaultValue those of the process
   */
  readonly resources?: FileResources | undefined;
}

/**
 * An upload session with its bytes in a file, hashed as they arrive. The file is open only during an operation, so idle
 * sessions take no handle. Acknowledged bytes survive the end of the process, but not a power loss: only the finished
 * blob is synced.
 */
export class FileUpload implements Upload {
  readonly id: string;
  readonly limits: Upload['limits'] = {};
  readonly #options: FileUploadOptions;
  readonly #mutex: UploadMutex;
  /** Undefined while no bytes have been written. */
  #writer: HashWriter | undefined;
  #offset: number;
  /** Set while an append or a commit runs. */
  #file: FileHandle | undefined;
  #used: number;
  #closed = false;

  private constructor(options: FileUploadOptions, offset: number, writer?: HashWriter) {
    this.id = options.id;
    this.#mutex = createUploadMutex(options.id);
    this.#options = options;
    this.#writer = writer;
    this.#offset = offset;
    this.#used = options.used ?? performance.now();
  }

  static async start(options: FileUploadOptions): Promise<FileUpload> {
    await onDisk(options.path, async () => (await open(options.path, 'wx', 0o644)).close());
    return new FileUpload(options, 0);
  }

  /**
   * Restores a session of another process. Hashes the content of its file again, because a running hash cannot be
   * stored.
   */
  static async restore(options: FileUploadOptions, { signal }: SignalOptions = {}): Promise<FileUpload> {
    const { hasher, size } = await hashFile(options.path, options.algorithm, { signal });
    return new FileUpload(options, size, createHashWriter(hasher));
  }

  /**
   * Continues with the bytes that a killed process left at the path, after hashing them. Starts without bytes if there are none
   * of use: the file is larger than the blob, damaged or not a file.
   */
  static async continue(
    options: FileUploadOptions,
    { size, signal }: Pick<Descriptor, 'size'> & SignalOptions,
  ): Promise<FileUpload> {
    const left = await partialSize(options.path).catch(unlessUnreadable);
    if (left !== undefined && left <= size) {
      const restored = await FileUpload.restore(options, { signal }).catch(unlessUnreadable);
      if (restored !== undefined && restored.offset <= size) return restored;
    }
    await removeFile(options.path);
    return FileUpload.start(options);
  }

  get offset(): number {
    return this.#offset;
  }

  append(content: Content, options: AppendOptions = {}): Promise<void> {
    return this.#turn((telling) => this.#take(content, telling), options);
  }

  async commit(digest: Digest, content?: Content, options: AppendOptions = {}): Promise<Descriptor> {
    const algorithm = computableAlgorithm(digest);
    return this.#turn(async (telling) => {
      if (content !== undefined) await this.#take(content, telling);
      options.signal?.throwIfAborted();
      const actual = await this.#digest(algorithm);
      if (actual !== digest) await this.#drop();
      checkDigest(actual, digest, `blob ${digest}`);
      return this.#finish(digest);
    }, options);
  }

  /** Commits under the digest that the bytes have. */
  commitAsIs(): Promise<Descriptor> {
    return this.#turn(async () => this.#finish(await this.#digest(this.#options.algorithm)));
  }

  async *open({ from = 0, to = this.#offset, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
    const { path, resources } = this.#options;
    const opened = await openRegular(path);
    if (opened === undefined) return;
    const { file } = opened;
    try {
      yield* fileChunks(file, path, { from, to: Math.min(to, this.#offset), signal }, resources);
    } finally {
      await file.close();
    }
  }

  cancel(options: SignalOptions = {}): Promise<void> {
    return this.#mutex.run(() => this.#drop(), options);
  }

  /** Ends the session if it was not used for `idle` milliseconds. Returns whether it did. */
  async expire(idle: number): Promise<boolean> {
    // A session in use is not idle, even if its operation takes long.
    if (this.#mutex.isBusy()) return false;
    return this.#mutex.run(async () => {
      if (this.#closed || performance.now() - this.#used < idle) return false;
      await this.#drop();
      return true;
    });
  }

  #turn<T>(task: (options: AppendOptions) => Promise<T>, options?: AppendOptions): Promise<T> {
    return this.#mutex.run(async (telling) => {
      try {
        return await task(telling);
      } catch (error) {
        if (this.#options.yields && isGantryError(error, 'NO_SPACE')) await this.#drop();
        throw error;
      } finally {
        this.#used = performance.now();
        const file = this.#file;
        this.#file = undefined;
        await file?.close();
      }
    }, options);
  }

  async #take(content: Content, { signal, onProgress }: AppendOptions): Promise<void> {
    signal?.throwIfAborted();
    this.#mustBeOpen();
    const { path, syncs = true, resources = processFiles } = this.#options;
    const file = await onDisk(path, () => open(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)));
    this.#file = file;
    const flusher = syncs ? resources.syncs.flusher(file) : undefined;
    let sent = this.#offset;
    const report = (): void => onProgress?.({ sent, acknowledged: this.#offset, moved: sent });
    let begun = this.#offset;
    const store = (bytes: Uint8Array): Promise<void> => {
      const at = begun;
      begun += bytes.byteLength;
      return this.#store(file, bytes, { at, size: content.size });
    };
    const stored = (bytes: number): void => {
      this.#offset += bytes;
      flusher?.wrote(bytes);
      // Readers of the growing file wait for this report, and the next bytes may take long.
      report();
    };
    const buffer = createWriteBuffer(content.size, { store, stored }, resources.buffers);
    try {
      for await (const chunk of content.open({ signal, offer: () => buffer.offer() })) {
        signal?.throwIfAborted();
        sent += chunk.byteLength;
        await buffer.take(chunk);
        report();
      }
    } finally {
      // Also after a failure of the source: the received bytes count, and the sender continues from the offset.
      await buffer.end().finally(async () => {
        // After a failure of the disk, the file may be ahead of the offset.
        if (begun > this.#offset) await file.truncate(this.#offset).catch(() => undefined);
        await this.#synced(async () => flusher?.ended());
      });
    }
    report();
  }

  async #store(
    file: FileHandle,
    bytes: Uint8Array,
    { at, size }: { readonly at: number; readonly size: number | undefined },
  ): Promise<void> {
    const { path, algorithm, resources = processFiles } = this.#options;
    if (bytes.byteLength === 0) return;
    this.#writer ??= resources.hashing.writer(algorithm, { size, first: bytes.byteLength });
    const writer = this.#writer;
    await onDisk(path, () => writer.write(file, bytes, at));
  }

  /** Returns the running hash, unless it is lost or the session uses another algorithm. */
  async #digest(algorithm: Algorithm): Promise<Digest> {
    this.#mustBeOpen();
    const running = algorithm === this.#options.algorithm ? await this.#writer?.digest() : undefined;
    if (running !== undefined) return running;
    return (await hashFile(this.#options.path, algorithm)).hasher.digest();
  }

  /** A disk reports lost bytes only once, and a second sync would succeed, so the session ends at once. */
  async #synced(sync: () => Promise<void>): Promise<void> {
    try {
      await onDisk(this.#options.path, sync);
    } catch (error) {
      await this.#drop();
      throw error;
    }
  }

  async #finish(digest: Digest): Promise<Descriptor> {
    const { path } = this.#options;
    const sync = (): Promise<void> =>
      this.#synced(() => (this.#file === undefined ? syncFile(path) : this.#file.sync()));
    await this.#options.keep({ path, size: this.#offset, sync }, digest);
    await this.#end();
    return { mediaType: MediaType.octetStream, digest, size: this.#offset };
  }

  async #drop(): Promise<void> {
    if (this.#closed) return;
    await removeFile(this.#options.path);
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#closed = true;
    this.#writer?.drop();
    await this.#options.forget();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', 'the upload session has ended');
  }
}

/** `Blobs.ingest` for sessions that can be committed under the digest of their bytes, which are hashed once. */
export async function ingestFile(
  start: (algorithm: Algorithm) => Promise<FileUpload>,
  content: Content,
  options: IngestOptions = {},
): Promise<Descriptor> {
  const { algorithm = 'sha256', mediaType = MediaType.octetStream, signal } = options;
  signal?.throwIfAborted();
  const upload = await start(algorithm);
  try {
    await upload.append(content, options);
    return { ...(await upload.commitAsIs()), mediaType };
  } catch (error) {
    await abandon(upload);
    throw error;
  }
}
