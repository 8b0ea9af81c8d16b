import { mkdir, open, readdir, rename, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorageError } from '../errors.ts';
import { absentAs, lookAt, onDisk, removeFile, syncFile, syncFolder, systemCode } from '../files/files.ts';
import type { Lock } from '../files/lock.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { asideFolder, asidePath } from './aside.ts';

/** How staged files are called. */
const staged = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A folder's fsync that runs, and the one after it, which those wait for who came too late for the first. */
interface Syncing {
  readonly running: Promise<void>;
  next?: Promise<void>;
}

/**
 * Writing so that it is still there after a power loss, at the least cost: a file is synced once, a folder once for all
 * who wait for it at that moment, and the way to a folder once in the life of the process.
 */
export class DurableFiles {
  readonly root: string;
  readonly #lock: Pick<Lock, 'check'> | undefined;
  readonly #temporary: string;
  readonly #aside: string;
  readonly #folders = createSingleFlight<string, void>({ keep: true });
  readonly #syncs = new Map<string, Syncing>();

  /** Without a look at the disk: for who only reads. */
  constructor(root: string, lock?: Pick<Lock, 'check'>) {
    this.root = root;
    this.#lock = lock;
    this.#temporary = join(root, 'tmp');
    this.#aside = asideFolder(root);
  }

  /** Only for the holder of `lock`, which is checked before each change: what others left half written is removed. */
  static async open(root: string, lock?: Pick<Lock, 'check'>): Promise<DurableFiles> {
    const files = new DurableFiles(root, lock);
    await files.folder(files.#temporary);
    for (const name of await onDisk(root, () => readdir(files.#temporary))) {
      // What is none of ours, such as the `lost+found` of a disk, is in nobody's way.
      if (staged.test(name)) await removeFile(join(files.#temporary, name)).catch(() => false);
    }
    return files;
  }

  /** Makes the folder and those above it, below the root. A folder that is there may still be new to the disk. */
  folder(path: string): Promise<void> {
    if (path === this.root || !path.startsWith(this.root)) return Promise.resolve();
    // Names are few; where they are not, asking the disk again does no harm.
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
        // A link may have been put there on purpose, and leads out of the store.
        if (seen === undefined || seen.isSymbolicLink() || path === this.#aside) throw error;
        await this.setAside(path);
        await mkdir(path);
      }
    });
    await this.synced(parent);
  }

  /** What was done to the folder's entries before the call is on the disk. */
  synced(folder: string): Promise<void> {
    const syncing = this.#syncs.get(folder);
    if (syncing === undefined) return this.#sync(folder);
    // The one that runs may have begun before the change was made.
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

  /** Bytes, or what `fill` makes, in a synced file that has no name yet: `place` gives it one, `removeFile` takes it away. */
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

  /** Gives a staged file its name, in place of what has it; it lasts once its folder is synced. */
  async place(staged: string, path: string): Promise<void> {
    await this.#lock?.check();
    await this.folder(dirname(path));
    try {
      await onDisk(path, () => rename(staged, path));
    } catch (error) {
      // Over a folder no file is renamed.
      if ((await lookAt(path))?.isDirectory() !== true) throw error;
      await this.setAside(path);
      await onDisk(path, () => rename(staged, path));
    }
  }

  /** Takes away what has the name, a file or not. Answers whether there was anything. */
  async remove(path: string): Promise<boolean> {
    const seen = await lookAt(path);
    if (seen?.isDirectory() !== true) return removeFile(path);
    await this.setAside(path);
    return true;
  }

  /** Moves a folder or link that stands in the place of a file to `aside/` of the store: it may belong to a person. */
  async setAside(path: string): Promise<void> {
    await this.folder(this.#aside);
    await onDisk(path, () => absentAs(undefined, rename(path, asidePath(this.root, path))));
  }

  /** Readers see the old bytes or the new ones, also after a crash; after it the new ones. */
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

/** Makes a file young again for who collects garbage. Answers false if there is none. */
export async function touch(path: string): Promise<boolean> {
  const now = new Date();
  return onDisk(path, () =>
    absentAs(
      false,
      utimes(path, now, now).then(() => true),
    ),
  );
}

/** How often a collection of garbage can take away what is just being used, until something else must be wrong. */
const mostTries = 16;

/** Does it again while it answers that something was taken away meanwhile. */
export async function untilDone(path: string, task: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < mostTries; tries++) if (await task()) return;
  throw new StorageError('IO_FAILED', `${path}: what is put there does not stay`, { path });
}
