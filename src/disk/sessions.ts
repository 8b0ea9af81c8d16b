import type { Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FileUpload, type FileUploadOptions } from '../blobfile/upload.ts';
import { NotFoundError } from '../errors.ts';
import { lookAt, onDisk, removeFile } from '../files/files.ts';
import { digestOf } from '../flow/hash.ts';
import { createKeyedMutex, type KeyedMutex, strictMutex } from '../flow/mutex.ts';
import { type Algorithm, digestEncoded } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { StoreCache } from './cache.ts';
import type { DurableFiles } from './durable.ts';
import type { RepositoryFolder } from './folder.ts';
import type { BlobPool } from './pool.ts';

const algorithms: readonly Algorithm[] = ['sha256', 'sha512'];

/** Other files in the folder stay, such as the `lost+found` of a disk. */
const sessionFile = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9a-f]{32}\.sha(?:256|512)$/;

/**
 * The upload sessions of a store. The file name of a session has everything that a process must know after a restart.
 */
export class UploadSessions {
  readonly #files: DurableFiles;
  readonly #pool: BlobPool;
  readonly #cache: StoreCache;
  readonly #folder: string;
  /** The sessions that this process has used, by path: a running hash lives in the process. */
  readonly #open = new Map<string, FileUpload>();
  /** The times of the last use of sessions that this process found and has not used. */
  readonly #found = new Map<string, number>();
  readonly #mutex: KeyedMutex = createKeyedMutex(strictMutex('an upload session'));

  constructor(files: DurableFiles, pool: BlobPool, cache: StoreCache) {
    this.#files = files;
    this.#pool = pool;
    this.#cache = cache;
    this.#folder = join(files.root, 'uploads');
  }

  async start(repository: RepositoryFolder, algorithm: Algorithm): Promise<FileUpload> {
    await this.#files.folder(this.#folder);
    const options = this.#options(repository, crypto.randomUUID(), algorithm);
    const upload = await FileUpload.start(options);
    this.#open.set(options.path, upload);
    return upload;
  }

  /** Throws BLOB_UPLOAD_UNKNOWN, also for a session of another repository. */
  async resume(repository: RepositoryFolder, id: string, waiting: SignalOptions = {}): Promise<FileUpload> {
    // The id comes from outside and becomes part of a path.
    const candidates = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? algorithms : [];
    for (const algorithm of candidates) {
      const options = this.#options(repository, id, algorithm);
      const upload = this.#open.get(options.path) ?? (await this.#restore(options, waiting));
      if (upload !== undefined) return upload;
    }
    throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `${repository.name} has no upload session of that id`);
  }

  #restore(options: FileUploadOptions, waiting: SignalOptions): Promise<FileUpload | undefined> {
    const { path } = options;
    const restore = async (): Promise<FileUpload | undefined> => {
      // Another call may have come first.
      const open = this.#open.get(path);
      if (open !== undefined) return open;
      const seen = await lookAt(path);
      // A file with a second name is a blob already: the process was killed in the last step.
      if (seen?.isFile() !== true || seen.nlink > 1) return undefined;
      const upload = await FileUpload.restore({ ...options, used: this.#lastUse(path, seen) });
      this.#found.delete(path);
      this.#open.set(path, upload);
      return upload;
    };
    return this.#mutex(path, restore, waiting);
  }

  /**
   * Removes the sessions that were not used for `idle` milliseconds, and the rest of finished ones. Tries again later
   * for a session that it cannot remove, and leaves all other files alone.
   */
  async sweep(idle: number): Promise<void> {
    await this.#files.folder(this.#folder);
    for (const name of await onDisk(this.#folder, () => readdir(this.#folder))) {
      if (!sessionFile.test(name)) continue;
      const path = join(this.#folder, name);
      await this.#mutex(path, () => this.#expire(path, idle)).catch(() => false);
    }
  }

  async #expire(path: string, idle: number): Promise<boolean> {
    const open = this.#open.get(path);
    if (open !== undefined) return open.expire(idle);
    const seen = await lookAt(path);
    if (seen?.isFile() !== true) return false;
    if (seen.nlink === 1 && performance.now() - this.#lastUse(path, seen) < idle) return false;
    this.#found.delete(path);
    return removeFile(path);
  }

  /**
   * Returns the time of the last use of a session that this process has not used, by the monotonic clock. The file's
   * time is compared with the clock of the machine once, so that later jumps of that clock make no session older.
   */
  #lastUse(path: string, { mtimeMs }: Stats): number {
    const known = this.#found.get(path);
    if (known !== undefined) return known;
    const used = performance.now() - Math.max(0, Date.now() - mtimeMs);
    this.#found.set(path, used);
    return used;
  }

  #options({ name, layout }: RepositoryFolder, id: string, algorithm: Algorithm): FileUploadOptions {
    // The file name depends on the repository, so no session is reachable through another repository.
    const owner = digestEncoded(digestOf(new TextEncoder().encode(name))).slice(0, 32);
    const path = join(this.#folder, `${id}.${owner}.${algorithm}`);
    return {
      id,
      path,
      algorithm,
      yields: true,
      keep: async (file, digest) => {
        await this.#pool.take(file, digest, layout);
        this.#cache.promise(name, digest);
      },
      forget: async () => void this.#open.delete(path),
    };
  }
}
