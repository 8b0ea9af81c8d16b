import { constants, lstat, type Stats } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isGantryError, type StorageCode, StorageError } from '../errors.ts';

const codes: Readonly<Record<string, readonly [StorageCode, string]>> = {
  ENOSPC: ['NO_SPACE', 'no space is left on the disk'],
  EDQUOT: ['NO_SPACE', 'the disk quota is used up'],
  EACCES: ['NO_PERMISSION', 'permission denied'],
  EPERM: ['NO_PERMISSION', 'operation not permitted'],
  EROFS: ['NO_PERMISSION', 'the file system is read-only'],
  ENOENT: ['IO_FAILED', 'no such file or directory'],
  ENOTDIR: ['IO_FAILED', 'a folder was expected, and this is a file'],
  EISDIR: ['IO_FAILED', 'a file was expected, and this is a folder'],
  EEXIST: ['IO_FAILED', 'something else has this name already'],
  ENOTEMPTY: ['IO_FAILED', 'the folder is not empty'],
  ENAMETOOLONG: ['IO_FAILED', 'the name is longer than the file system allows'],
  ELOOP: ['IO_FAILED', 'links lead to one another without an end, or no link is allowed here'],
  EXDEV: ['IO_FAILED', 'the two places are on different file systems'],
  EFBIG: ['IO_FAILED', 'the file would be larger than the file system or a limit allows'],
  EIO: ['IO_FAILED', 'the disk could not read or write this'],
  EBUSY: ['IO_FAILED', 'another program uses it'],
  EMFILE: ['IO_FAILED', 'this process has too many files open'],
  ENFILE: ['IO_FAILED', 'this machine has too many files open'],
  ENXIO: ['IO_FAILED', 'no program is at the other end'],
  EPIPE: ['IO_FAILED', 'the program at the other end of the pipe has ended'],
};

/** Runs `task`. Errors of the operating system become a StorageError with `path`; all others stay unchanged. */
export async function onDisk<T>(path: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw storageError(error, path);
  }
}

/** Does the same for work that does not wait. */
export function onDiskSync<T>(path: string, task: () => T): T {
  try {
    return task();
  } catch (error) {
    throw storageError(error, path);
  }
}

function storageError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const [kind, said] = systemFailure(code) ?? ['IO_FAILED', `the disk said ${code}`];
  return new StorageError(kind, `${path}: ${said}`, { path, cause: error });
}

/** Returns gantry's code and the words for a code of the operating system; undefined for a rare one. */
export function systemFailure(code: string): readonly [StorageCode, string] | undefined {
  return codes[code];
}

/** Returns the code of an operating system's error, such as ENOENT. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Codes for a shortage in the system, independent of the file. */
const passing: ReadonlySet<string> = new Set(
  'EMFILE ENFILE ENOMEM ENOBUFS EAGAIN EINTR EBUSY ETIMEDOUT ESTALE'.split(' '),
);

/**
 * Returns whether an error concerns this file only: a lost sector, a folder or a link in its place, missing
 * permissions, too large a size. An error that any file could meet does not count.
 */
export function isUnreadable(error: unknown): boolean {
  if (isGantryError(error, 'TOO_LARGE')) return true;
  if (!isGantryError(error, 'IO_FAILED') && !isGantryError(error, 'NO_PERMISSION')) return false;
  return !passing.has(systemCode(error.cause) ?? '');
}

/** For a `catch`: returns undefined for an unreadable file and throws every other error. */
export function unlessUnreadable(error: unknown): undefined {
  if (!isUnreadable(error)) throw error;
}

/** Returns undefined when nothing exists at the path. Never follows a link. */
export async function lookAt(path: string): Promise<Stats | undefined> {
  return onDisk(path, () =>
    absentAs(
      undefined,
      answered<Stats>((done) => lstat(path, done)),
    ),
  );
}

/**
 * Turns a call with a callback into a promise. Node's own promises take twice the CPU time for each open file and each
 * error, which matters for thousands of small files.
 */
export function answered<T>(call: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

/** Resolves with the answer, or with `fallback` when the file does not exist. */
export async function absentAs<T, F>(fallback: F, answer: Promise<T>): Promise<T | F> {
  try {
    return await answer;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return fallback;
    throw error;
  }
}

/** A file that is open for reading, with its properties at that time. */
interface OpenFile {
  readonly file: FileHandle;
  readonly stats: Stats;
}

/** Opens a regular file. Returns undefined when nothing exists at the path. Refuses every link. */
export async function openRegular(path: string): Promise<OpenFile | undefined> {
  const file = await openWith(path, (flags) => open(path, flags));
  if (file === undefined) return undefined;
  try {
    const stats = await onDisk(path, () => file.stat());
    if (stats.isFile()) return { file, stats };
    throw notRegular(path);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Opens a file for reading with `opened`. Returns undefined when it does not exist. Refuses every link. */
export async function openWith<T>(
  path: string,
  opened: (flags: number) => Promise<T>,
): Promise<T | undefined> {
  // Windows lacks these flags: there, the path could become a link between the check and the opening.
  if (constants.O_NOFOLLOW === undefined && (await lookAt(path))?.isFile() === false) throw notRegular(path);
  // A pipe without a writer is opened at once, too, and is then refused.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  return onDisk(path, async () => {
    try {
      return await absentAs(undefined, opened(flags));
    } catch (error) {
      if (['ELOOP', 'EMLINK', 'ENXIO', 'EISDIR'].includes(systemCode(error) ?? '')) throw notRegular(path);
      throw error;
    }
  });
}

export function notRegular(path: string): StorageError {
  return new StorageError('IO_FAILED', `${path} is not a regular file, and nothing else is read`, { path });
}

/** Creates the folder and its parents. Returns the first folder that it had to create. */
export function makeFolder(path: string, mode = 0o777): Promise<string | undefined> {
  return onDisk(path, async () => {
    try {
      return await mkdir(path, { recursive: true, mode });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      // For a link to nowhere, this throws the error of Node, where Bun finds that something exists.
      await stat(path);
      const message = `${path}: a folder was expected, and this is a file`;
      throw new StorageError('IO_FAILED', message, { path, cause: error });
    }
  });
}

export interface ReplaceOptions {
  /** The mode of a new file, reduced by the umask. Default 0644. */
  readonly mode?: number | undefined;
  /** The replaced file. The new one keeps its mode and, when root writes, its owner. */
  readonly like?: Stats | undefined;
  /**
   * Whether the new bytes survive a crash of the machine, which takes the time of two syncs. Without it, a crash may leave a
   * damaged file.
   * @defaultValue true
   */
  readonly durable?: boolean | undefined;
}

/** Replaces the file in one step: readers see the old or the new bytes, even after a crash. */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  { mode = 0o644, like, durable = true }: ReplaceOptions = {},
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  await onDisk(path, async () => {
    try {
      const file = await open(temporary, 'wx', like === undefined ? mode : 0o600);
      try {
        if (like !== undefined) await liken(file, like);
        await file.writeFile(bytes);
        if (durable) await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    if (durable) await syncFolder(dirname(path));
  });
}

async function liken(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  // With sudo, the user's own file must not become root's.
  if (process.getuid?.() === 0) await file.chown(uid, gid);
  // The umask reduces the mode given to `open`.
  await file.chmod(mode & 0o777);
}

/**
 * Removes the temporary files that a killed process left from `replaceFile`, for one file or for all. Call it only
 * while holding the lock that protects these files.
 */
export async function removeTemporaries(folder: string, file = ''): Promise<void> {
  const names = await onDisk(folder, () => readdir(folder));
  for (const name of names) {
    const end = name.startsWith(file) ? name.slice(file.length) : '';
    const isTemporary = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/.exec(end);
    if (isTemporary !== null && (file === '' || isTemporary.index === 0))
      await removeFile(join(folder, name));
  }
}

/**
 * Bytes per write. For longer writes Linux looks for larger pieces of memory, which costs more than half of the whole
 * write (1 GiB: 2.1 s of system time in writes of 1 MiB, 0.9 s in writes of 256 KiB).
 */
const writeStep = 256 * 1024;

/** Writes all bytes at `position`, or after the last write. A single write may take fewer bytes than it was given. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - done, writeStep);
    const at = position === undefined ? null : position + done;
    const { bytesWritten } = await file.write(bytes, done, length, at);
    done += bytesWritten;
  }
}

/** Waits until the written bytes of the file are on the disk. */
export async function syncFile(path: string): Promise<void> {
  await onDisk(path, async () => {
    const file = await open(path, 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}

/** Gives a finished and synced file its final name, in an existing folder. */
export async function moveFile(from: string, to: string): Promise<void> {
  await onDisk(to, async () => {
    await rename(from, to);
    await syncFolder(dirname(to));
  });
}

/** Returns whether the file existed. */
export async function removeFile(path: string): Promise<boolean> {
  return onDisk(path, () =>
    absentAs(
      false,
      rm(path).then(() => true),
    ),
  );
}

/** Makes renames in the folder durable. Windows cannot open folders and does not need this. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
