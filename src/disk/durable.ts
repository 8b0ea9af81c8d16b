import { mkdir, open, readdir, rename, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from '../errors.ts';
import { absentAs, lookAt, onDisk, removeFile, syncFile, syncFolder, systemCode } from '../files/files.ts';
import type { Lock } from '../files/lock.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { asideFolder, asidePath } from './aside.ts';

/** The names of staged files. */
const staged = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The running fsync of a folder, and the next one, for the callers that came too late for the running one. */
interface Syncing {
  readonly running: Promise<void>;
  next?: Promise<void>;
}

/**
 * Writes files so that they survive a power loss, at the least cost: it syncs each file once, a folder once for all
 * callers that wait at that moment, and the parents of a folder once in the life of the process.
 */
export class DurableFiles {
  readonly root: string;
  readonly #lock: Pick<Lock, 'check'> | undefined;
  readonly #temporary: string;
  readonly #aside: string;
  readonly #folders = createSingleFlight<string, void>({ keep: true });
  readonly #syncs = new Map<string, Syncing>();

  /** Does not touch the disk. Suffices for readers. */
  constructor(root: string, lock?: Pick<Lock, 'check'>) {
    this.root = root;
    this.#lock = lock;
    this.#temporary = join(root, 'tmp');
    this.#aside = asideFolder(root);
  }

  /**
   * Opens the store for writing, for the holder of `lock`, which is checked before each change. Removes the
   * half-written files of a killed process.
   */
  static async open(root: string, lock?: Pick<Lock, 'check'>): Promise<DurableFiles> {
    const files = new DurableFiles(root, lock);
    await files.folder(files.#temporary);
    for (const name of await onDisk(root, () => readdir(files.#temporary))) {
      // Leaves other files alone, such as the `lost+found` of a disk.
      if (staged.test(name)) await removeFile(join(files.#temporary, name)).catch(() => false);
    }
    return files;
  }

  /** Creates the folder and its parents below the root. An existing folder may not be synced yet. */
  folder(path: string): Promise<void> {
    if (path === this.root || !path.startsWith(this.root)) return Promise.resolve();
    // Folder names are few. If they are many, another question to the disk does no harm.
    if (this.#folders.size() >= 50_000) this.#folders.clear();
    return this.#folders.run(path, () => this.#make(path));
  }

  async #make(path: string): Promise<void> {
    const parent = dirname(path);
    await this.folder(parent);
    await onDisk(path, async () => {
      try {
        await mkdir(path);
      } catch (error) {
        const seen = systemCode(error) === 'EEXIST' ? await lookAt(path) : undefined;
        if (seen?.isDirectory() === true) return;
        // A link may be there on purpose, and leads out of the store.
        if (seen === undefined || seen.isSymbolicLink() || path === this.#aside) throw error;
        await this.setAside(path);
        await mkdir(path);
      }
    });
    await this.synced(parent);
  }

  /** Resolves when all earlier changes of the folder's entries are on the disk. */
  synced(folder: string): Promise<void> {
    const syncing = this.#syncs.get(folder);
    if (syncing === undefined) return this.#sync(folder);
    // The running sync may have begun before the change was made.
    syncing.next ??= syncing.running.then(
      () => this.#sync(folder),
      () => this.#sync(folder),
    );
    return syncing.next;
  }

  #sync(folder: string): Promise<void> {
    const running = onDisk(folder, () => syncFolder(folder));
    const syncing: Syncing = { running };
    this.#syncs.set(folder, syncing);
    const done = (): void => {
      if (syncing.next === undefined) this.#syncs.delete(folder);
    };
    running.then(done, done);
    return running;
  }

  /**
   * Writes the bytes, or the result of `fill`, into a synced file without a final name. `place` gives the name,
   * `removeFile` removes the file.
   */
  async stage(fill: Uint8Array | ((path: string) => Promise<void>)): Promise<string> {
    const path = join(this.#temporary, crypto.randomUUID());
    try {
      if (typeof fill === 'function') {
        await fill(path);
        await syncFile(path);
      } else {
        await onDisk(path, () => writeNew(path, fill));
      }
      return path;
    } catch (error) {
      await removeFile(path).catch(() => false);
      throw error;
    }
  }

  /** Gives a staged file its name and replaces an existing file. Durable once the folder is synced. */
  async place(staged: string, path: string): Promise<void> {
    await this.#lock?.check();
    await this.folder(dirname(path));
    try {
      await onDisk(path, () => rename(staged, path));
    } catch (error) {
      // A file cannot be renamed over a folder.
      if ((await lookAt(path))?.isDirectory() !== true) throw error;
      await this.setAside(path);
      await onDisk(path, () => rename(staged, path));
    }
  }

  /** Removes the file, or moves a folder in its place aside. Returns whether anything existed. */
  async remove(path: string): Promise<boolean> {
    const seen = await lookAt(path);
    if (seen?.isDirectory() !== true) return removeFile(path);
    await this.setAside(path);
    return true;
  }

  /**
   * Moves a folder or link that stands in the place of a file to `aside/` of the store: it may belong to a person.
   */
  async setAside(path: string): Promise<void> {
    await this.folder(this.#aside);
    await onDisk(path, () => absentAs(undefined, rename(path, asidePath(this.root, path))));
  }

  /** Replaces a file in one step and durably: readers see the old bytes or the new ones, even after a crash. */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const staged = await this.stage(bytes);
    try {
      await this.place(staged, path);
    } catch (error) {
      await removeFile(staged).catch(() => false);
      throw error;
    }
    await this.synced(dirname(path));
  }
}

async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Sets the file's time to now, for the collection of garbage. Returns false if the file does not exist. */
export async function touch(path: string): Promise<boolean> {
  const now = new Date();
  return onDisk(path, () =>
    absentAs(
      false,
      utimes(path, now, now).then(() => true),
    ),
  );
}

/** The number of times that a collection of garbage may remove a file in use. More of them have another cause. */
const mostTries = 16;

/** Repeats the task while it returns false because something was removed meanwhile. */
export async function untilDone(path: string, task: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < mostTries; tries++) if (await task()) return;
  throw new StorageError(
    'IO_FAILED',
    `${path}: the written file does not stay: another program may remove it`,
    { path },
  );
}
