import { lstat, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, lookAt, onDisk, systemCode } from './files.ts';
import { lifeOf } from './holder.ts';
import { type Lock, takeLock } from './lock.ts';
import { readLockFile } from './lock-file.ts';
import { readSmall } from './read-small.ts';

/** A folder for unfinished work. Disposing it removes it with all of its content. */
export interface Draft extends AsyncDisposable {
  readonly path: string;
}

const pattern = /^\.gantry-draft-[A-Za-z0-9]{6}$/;
const lockName = '.lock';
/**
 * Milliseconds without a change after which a draft is removed if its process is invisible or has not written its name.
 */
const longSilence = 10 * 60 * 1000;

/** The work that a draft is for, if a later draft for the same work can use its files. */
export interface DraftWork {
  /** The name of the work, such as the file that the draft will become. */
  readonly name: string;
  /** Returns whether a file is of use to a later draft, by its name. */
  readonly isUseful: (file: string) => boolean;
}

const workName = '.work';
/** Bytes. File systems allow names of 255 bytes. */
const maxWorkName = 1024;

/**
 * Creates a folder in `parent` for this process, and removes the drafts of processes that were killed. Takes over the useful
 * files of those for the same work. Leaves the drafts of running processes and of other users. Throws NO_SPACE,
 * NO_PERMISSION, IO_FAILED.
 */
export async function makeDraft(parent: string, work?: DraftWork): Promise<Draft> {
  const path = await onDisk(parent, () => mkdtemp(join(parent, '.gantry-draft-')));
  let lock: Lock;
  try {
    lock = await takeLock(join(path, lockName), { what: path });
    if (work !== undefined) await onDisk(path, () => writeFile(join(path, workName), work.name));
  } catch (error) {
    await removeAll(path);
    throw error;
  }
  await sweep(parent, path, work);
  return {
    path,
    async [Symbol.asyncDispose]() {
      try {
        await lock[Symbol.asyncDispose]();
      } finally {
        await onDisk(path, () => removeAll(path));
      }
    },
  };
}

async function sweep(parent: string, own: string, work: DraftWork | undefined): Promise<void> {
  // A folder may be writable and not readable.
  const names = await readdir(parent).catch(() => []);
  const left = names.map((name) => ({ name, path: join(parent, name) }));
  for (const { name, path } of left) {
    if (!pattern.test(name) || path === own) continue;
    if (!(await isAbandoned(path, own).catch(() => false))) continue;
    if (work !== undefined) await inherit(path, own, work).catch(() => undefined);
    // The next draft tries again to remove it.
    await removeAll(path).catch(() => undefined);
  }
}

/** Moves the useful files of a draft for the same work. Another process may move some of them at the same time. */
async function inherit(from: string, to: string, { name, isUseful }: DraftWork): Promise<void> {
  const bytes = await readSmall(join(from, workName), maxWorkName);
  if (bytes === undefined || new TextDecoder().decode(bytes) !== name) return;
  for (const file of await readdir(from)) {
    const isFile = isUseful(file) && (await lookAt(join(from, file)))?.isFile() === true;
    if (isFile) await absentAs(undefined, rename(join(from, file), join(to, file)));
  }
}

async function isAbandoned(path: string, own: string): Promise<boolean> {
  const folder = await absentAs(undefined, lstat(path));
  if (folder?.isDirectory() !== true) return false;
  // In a shared folder, another user must not be able to make this process remove files.
  if (process.getuid !== undefined && folder.uid !== process.getuid()) return false;
  const lock = join(path, lockName);
  const holder = (await readLockFile(lock))?.holder;
  const life = holder === undefined ? 'unseen' : lifeOf(holder);
  if (life !== 'unseen') return life === 'ended';
  const last = (await absentAs(undefined, lstat(lock))) ?? folder;
  // Both times come from the same disk, and its clock may differ from this machine's.
  return (await lstat(own)).mtimeMs - last.mtimeMs > longSilence;
}

async function removeAll(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Another process is removing the same folder.
    if (systemCode(error) !== 'ENOTEMPTY') throw error;
    await rm(path, { recursive: true, force: true });
  }
}
