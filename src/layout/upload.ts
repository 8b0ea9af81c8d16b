import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isGantryError, NotFoundError } from '../errors.ts';
import { onDisk, openRegular, removeFile, syncFile } from '../files/files.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { checkDigest } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { AppendOptions, IngestOptions, SignalOptions, Upload } from '../store/contract.ts';
import { abandon } from '../store/ingest.ts';
import { createUploadMutex, type UploadMutex } from '../store/upload-mutex.ts';
import { fileChunks, hashFile } from './blob-file.ts';
import { createFlusher } from './flush.ts';
import { startHashWriter } from './hash-thread.ts';
import { createHashWriter, type HashWriter } from './hash-writer.ts';
import { createSteps } from './steps.ts';

/** A file whose bytes have the digest that they should, and that stands under no name for others yet. */
export interface FinishedFile {
  readonly path: string;
  readonly size: number;
  /** Settles when the bytes are on the disk, and not only on their way there. */
  sync(): Promise<void>;
}

export interface FileUploadOptions {
  readonly id: string;
  /** The file that the bytes go into until they have their digest. */
  readonly path: string;
  readonly algorithm: Algorithm;
  /** Whether a session that finds the disk full ends, so that its bytes are in nobody's way. Default: it can go on. */
  readonly yields?: boolean;
  /** When something was last done with a session that is restored, in milliseconds of `performance.now`. */
  readonly used?: number;
  /** Takes the finished file to where blobs stand; afterwards nothing is at `path`. */
  readonly keep: (file: FinishedFile, digest: Digest) => Promise<void>;
  /** Told when the session ends, however it ends. */
  readonly forget: () => Promise<void>;
}

/**
 * A session whose bytes stand in a file, hashed as they come in. The file is open only while something is done with it,
 * so sessions left alone cost no handle. What was acknowledged survives the process, not a power loss: only the finished
 * blob is worth waiting for the disk.
 */
export class FileUpload implements Upload {
  readonly id: string;
  readonly limits: Upload['limits'] = {};
  readonly #options: FileUploadOptions;
  readonly #mutex: UploadMutex;
  /** `undefined` while there is nothing. */
  #writer: HashWriter | undefined;
  #offset: number;
  /** While an append or a commit runs. */
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

  /** A session of another process: what its file holds is hashed again, since a running hash can't be stored. */
  static async restore(options: FileUploadOptions): Promise<FileUpload> {
    const { hasher, size } = await hashFile(options.path, options.algorithm);
    return new FileUpload(options, size, createHashWriter(hasher));
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

  /** Commits under whatever digest the bytes turned out to have. */
  commitAsIs(): Promise<Descriptor> {
    return this.#turn(async () => this.#finish(await this.#digest(this.#options.algorithm)));
  }

  async *open({ from = 0, to = this.#offset, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
    const { path } = this.#options;
    const opened = await openRegular(path);
    if (opened === undefined) return;
    const { file } = opened;
    try {
      yield* fileChunks(file, path, { from, to: Math.min(to, this.#offset), signal });
    } finally {
      await file.close();
    }
  }

  cancel(options: SignalOptions = {}): Promise<void> {
    return this.#mutex.run(() => this.#drop(), options);
  }

  /** Ends the session if nothing was done with it for `idle` milliseconds. Answers whether it did. */
  async expire(idle: number): Promise<boolean> {
    // A session that is at work is not idle, and the end of that work may be long in coming.
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
    const { path } = this.#options;
    const file = await onDisk(path, () => open(path, constants.O_RDWR | (constants.O_NOFOLLOW ?? 0)));
    this.#file = file;
    const flusher = createFlusher(file);
    let sent = this.#offset;
    const report = (): void => onProgress?.({ sent, acknowledged: this.#offset, moved: sent });
    const steps = createSteps(content.size, async (bytes) => {
      await this.#store(file, bytes, content.size);
      flusher.wrote(bytes.byteLength);
      // Who reads what is being written waits for this, while the next bytes may be long in coming.
      report();
    });
    try {
      for await (const chunk of content.open({ signal })) {
        signal?.throwIfAborted();
        sent += chunk.byteLength;
        await steps.take(chunk);
        report();
      }
    } finally {
      // Also when the source failed: what arrived was paid for, and the sender goes on from the offset.
      await steps.end().finally(() => this.#synced(() => flusher.ended()));
    }
    report();
  }

  async #store(file: FileHandle, bytes: Uint8Array, size: number | undefined): Promise<void> {
    const { path, algorithm } = this.#options;
    if (bytes.byteLength === 0) return;
    this.#writer ??= startHashWriter(algorithm, { size, first: bytes.byteLength });
    const writer = this.#writer;
    try {
      await onDisk(path, () => writer.write(file, bytes, this.#offset));
      this.#offset += bytes.byteLength;
    } catch (error) {
      // The file may be ahead of the offset.
      await file.truncate(this.#offset).catch(() => undefined);
      throw error;
    }
  }

  /** The running hash, unless it broke off or the session was started for another algorithm. */
  async #digest(algorithm: Algorithm): Promise<Digest> {
    this.#mustBeOpen();
    const running = algorithm === this.#options.algorithm ? await this.#writer?.digest() : undefined;
    if (running !== undefined) return running;
    return (await hashFile(this.#options.path, algorithm)).hasher.digest();
  }

  /** A disk tells once that it has lost something, so who asks again is told that all is well: the session ends at once. */
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

/** `Blobs.ingest` where a session can be committed under whatever digest its bytes have: they are hashed once. */
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
