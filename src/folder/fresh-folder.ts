import { constants } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rmdir,
  stat,
} from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { InputError, NotFoundError, StorageError } from '../errors.ts';
import { makeDraft } from '../files/draft.ts';
import { absentAs, lookAt, onDisk } from '../files/files.ts';

/** A new folder that no other user can reach, and that becomes the folder at its final path in one step. */
export interface FreshFolder extends AsyncDisposable {
  /** A path of the folder that stays right even if another process moves it: on Linux by its open handle. */
  readonly base: string;
  /** Gives the folder its final path. Disposing it before removes everything. */
  finish(): Promise<void>;
}

/**
 * Makes a folder for `path`, which does not exist yet or is empty.
 * @throws INVALID_OPTION when there is something at the path
 * @throws NAME_UNKNOWN when its parent does not exist, and the errors of the disk
 */
export async function makeFreshFolder(path: string): Promise<FreshFolder> {
  const target = await targetOf(path);
  const parent = dirname(target);
  if ((await lookAt(parent)) === undefined) {
    throw new NotFoundError('NAME_UNKNOWN', `there is no folder ${parent} for ${path}: make it first`);
  }
  const draft = await makeDraft(parent);
  try {
    const root = join(draft.path, 'root');
    await onDisk(root, () => mkdir(root, 0o700));
    // Windows opens no folder.
    const handle =
      process.platform === 'win32' ? undefined : await onDisk(root, () => open(root, folderFlags));
    return {
      base: await anchored(root, handle),
      finish: () => finish(root, target, handle),
      async [Symbol.asyncDispose]() {
        await handle?.close();
        await draft[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await draft[Symbol.asyncDispose]();
    throw error;
  }
}

const folderFlags = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);

/** Follows a link to an empty folder, so that the link stays. */
async function targetOf(path: string): Promise<string> {
  const found = await onDisk(path, () => absentAs(undefined, stat(path)));
  if (found === undefined && (await lookAt(path)) === undefined) return resolve(path);
  if (found?.isDirectory() !== true) {
    throw new InputError('INVALID_OPTION', `${path} is no folder: name a new one`);
  }
  const target = await onDisk(path, () => realpath(path));
  if ((await onDisk(path, () => readdir(target))).length > 0) {
    throw new InputError('INVALID_OPTION', `${path} is not empty: name a new folder, or remove its content`);
  }
  if (`${process.cwd()}${sep}`.startsWith(`${target}${sep}`) || basename(target) === '') {
    throw new InputError(
      'INVALID_OPTION',
      `${path} is the current folder, and is replaced: name another one`,
    );
  }
  return target;
}

/** On Linux, a path through the open handle leads to this folder, even if its name leads to another one meanwhile. */
async function anchored(root: string, handle: FileHandle | undefined): Promise<string> {
  if (handle === undefined) return root;
  const byHandle = `/proc/self/fd/${handle.fd}`;
  const [own, seen] = await Promise.all([handle.stat(), absentAs(undefined, stat(byHandle))]);
  return seen !== undefined && seen.ino === own.ino && seen.dev === own.dev ? byHandle : root;
}

async function finish(root: string, target: string, handle: FileHandle | undefined): Promise<void> {
  await onDisk(target, async () => {
    await demandSame(root, target, handle);
    await handle?.chmod(0o755);
    await absentAs(undefined, rmdir(target));
    await rename(root, target);
    await demandSame(target, target, handle);
  });
}

/** @throws IO_FAILED when another process has moved the folder away */
async function demandSame(path: string, target: string, handle: FileHandle | undefined): Promise<void> {
  if (handle === undefined) return;
  const [own, seen] = await Promise.all([handle.stat(), absentAs(undefined, lstat(path))]);
  if (own.ino === seen?.ino && own.dev === seen.dev) return;
  const what = `${target}: another process has moved the folder while it was written`;
  throw new StorageError('IO_FAILED', what, { path: target });
}
