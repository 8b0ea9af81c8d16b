import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, onDisk, systemCode } from './files.ts';
import { lifeOf } from './holder.ts';
import { type Lock, takeLock } from './lock.ts';
import { readLockFile } from './lock-file.ts';

/** A folder for what is not finished. Disposing removes it with all that is in it. */
export interface Draft extends AsyncDisposable {
  readonly path: string;
}

const pattern = /^\.gantry-draft-[A-Za-z0-9]{6}$/;
const lockName = '.lock';
/** A process that can't be seen, or that had no time to say its name, has been silent for so long when its draft goes. */
const longSilence = 10 * 60 * 1000;

/**
 * Makes a folder in `parent` that belongs to this process, and removes those there whose processes have ended without:
 * after SIGKILL nobody else would. The drafts of living processes and of other users stay.
 * Throws NO_SPACE, NO_PERMISSION, IO_FAILED.
 */
export async function makeDraft(parent: string): Promise<Draft> {
  const path = await onDisk(parent, () => mkdtemp(join(parent, '.gantry-draft-')));
  let lock: Lock;
  try {
    lock = await takeLock(join(path, lockName), { what: path });
  } catch (error) {
    await removeAll(path);
    throw error;
  }
  await sweep(parent, path);
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

async function sweep(parent: string, own: string): Promise<void> {
  // A folder may be written to and not be read.
  const names = await readdir(parent).catch(() => []);
  const left = names.map((name) => ({ name, path: join(parent, name) }));
  for (const { name, path } of left) {
    if (!pattern.test(name) || path === own) continue;
    // One that can't be removed now is met again by the next.
    if (await isAbandoned(path, own).catch(() => false)) await removeAll(path).catch(() => undefined);
  }
}

async function isAbandoned(path: string, own: string): Promise<boolean> {
  const folder = await absentAs(undefined, lstat(path));
  if (folder?.isDirectory() !== true) return false;
  // In a folder that is everybody's, nobody is made to remove files by a folder that another user has put there.
  if (process.getuid !== undefined && folder.uid !== process.getuid()) return false;
  const lock = join(path, lockName);
  const holder = (await readLockFile(lock))?.holder;
  const life = holder === undefined ? 'unseen' : lifeOf(holder);
  if (life !== 'unseen') return life === 'ended';
  const last = (await absentAs(undefined, lstat(lock))) ?? folder;
  // Both times are of the same disk, whose clock need not be this machine's.
  return (await lstat(own)).mtimeMs - last.mtimeMs > longSilence;
}

async function removeAll(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    // Another process removes the same folder.
    if (systemCode(error) !== 'ENOTEMPTY') throw error;
    await rm(path, { recursive: true, force: true });
  }
}
