import { type FileHandle, open } from 'node:fs/promises';
import { ContentError, NotFoundError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { createHasher, type Hasher } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { AppendOptions, IngestOptions, Upload } from '../store/contract.ts';
import { abandon } from '../store/ingest.ts';
import { createTurns, type Turns } from '../store/turns.ts';
import { fileChunks, hashFile } from './blob-file.ts';
import { onDisk, openRegular, removeFile } from './files.ts';

/** Small chunks of a network are gathered to this before they are written. */
const step = 1024 * 1024;

export interface FileUploadOptions {
  readonly id: string;
  /** The file that the bytes go into until they have their digest. */
  readonly path: string;
  readonly algorithm: Algorithm;
  /** Takes the finished file to where blobs stand; afterwards nothing is at `path`. */
  readonly keep: (path: string, digest: Digest) => Promise<void>;
  /** Told when the session ends, however it ends. */
  readonly forget: () => Promise<void>;
}

/**
 * A session whose bytes stand in a file, hashed as they come in. The file is open only while an append runs, so
 * sessions left alone cost no handle.
 */
export class FileUpload implements Upload {
  readonly id: string;
  readonly limits: Upload['limits'] = {};
  readonly #options: FileUploadOptions;
  readonly #turns: Turns = createTurns();
  /** `undefined` once it was read: a hash has one end. */
  #hasher: Hasher | undefined;
  #offset: number;
  #closed = false;

  private constructor(options: FileUploadOptions, hasher: Hasher, offset: number) {
    this.id = options.id;
    this.#options = options;
    this.#hasher = hasher;
    this.#offset = offset;
  }

  static async start(options: FileUploadOptions): Promise<FileUpload> {
    await onDisk(options.path, async () => (await open(options.path, 'wx', 0o644)).close());
    return new FileUpload(options, createHasher(options.algorithm), 0);
  }

  /** A session of another process: what its file holds is hashed again, since a running hash can't be stored. */
  static async restore(options: FileUploadOptions): Promise<FileUpload> {
    const { hasher, size } = await hashFile(options.path, options.algorithm);
    return new FileUpload(options, hasher, size);
  }

  get offset(): number {
    return this.#offset;
  }

  append(content: Content, options: AppendOptions = {}): Promise<void> {
    return this.#turns(() => this.#take(content, options));
  }

  async commit(digest: Digest, content?: Content, options: AppendOptions = {}): Promise<Descriptor> {
    const algorithm = computableAlgorithm(digest);
    return this.#turns(async () => {
      if (content !== undefined) await this.#take(content, options);
      options.signal?.throwIfAborted();
      const actual = await this.#digest(algorithm);
      if (actual !== digest) {
        await this.#drop();
        throw new ContentError('DIGEST_INVALID', `blob ${digest}: the bytes have digest ${actual}`, {
          expected: digest,
          actual,
        });
      }
      return this.#finish(digest);
    });
  }

  /** Commits under whatever digest the bytes turned out to have. */
  commitAsIs(): Promise<Descriptor> {
    return this.#turns(async () => this.#finish(await this.#digest(this.#options.algorithm)));
  }

  async *open({ from = 0, to = this.#offset, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
    const { path } = this.#options;
    const file = await openRegular(path);
    if (file === undefined) return;
    try {
      yield* fileChunks(file, path, { from, to: Math.min(to, this.#offset), signal });
    } finally {
      await file.close();
    }
  }

  cancel(): Promise<void> {
    return this.#turns(() => this.#drop());
  }

  async #take(content: Content, { signal, onProgress }: AppendOptions): Promise<void> {
    signal?.throwIfAborted();
    this.#mustBeOpen();
    const { path } = this.#options;
    const file = await onDisk(path, () => open(path, 'r+'));
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(step, content.size ?? step)));
    let filled = 0;
    const flush = async (): Promise<void> => {
      const bytes = buffer.subarray(0, filled);
      filled = 0;
      await this.#store(file, bytes);
    };
    const report = (): void => onProgress?.({ sent: this.#offset + filled, acknowledged: this.#offset });
    try {
      for await (const chunk of content.open({ signal })) {
        signal?.throwIfAborted();
        let rest = chunk;
        while (rest.byteLength > 0) {
          const part = rest.subarray(0, buffer.byteLength - filled);
          buffer.set(part, filled);
          filled += part.byteLength;
          rest = rest.subarray(part.byteLength);
          if (filled === buffer.byteLength) await flush();
        }
        report();
      }
    } finally {
      // Also when the source failed: what arrived was paid for, and the sender goes on from the offset.
      await flush().finally(() => file.close());
    }
    report();
  }

  async #store(file: FileHandle, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0) return;
    try {
      // The hash is computed while the disk writes.
      const writing = onDisk(this.#options.path, () => writeFully(file, bytes, this.#offset));
      this.#hasher?.update(bytes);
      await writing;
      this.#offset += bytes.byteLength;
    } catch (error) {
      // The hash is ahead of the file now, and the file may be ahead of the offset.
      this.#hasher = undefined;
      await file.truncate(this.#offset).catch(() => undefined);
      throw error;
    }
  }

  /** The running hash, unless it broke off or the session was started for another algorithm. */
  async #digest(algorithm: Algorithm): Promise<Digest> {
    this.#mustBeOpen();
    const running = algorithm === this.#options.algorithm ? this.#hasher : undefined;
    this.#hasher = undefined;
    if (running !== undefined) return running.digest();
    return (await hashFile(this.#options.path, algorithm)).hasher.digest();
  }

  async #finish(digest: Digest): Promise<Descriptor> {
    await this.#options.keep(this.#options.path, digest);
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

async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}
