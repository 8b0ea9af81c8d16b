import { type FileHandle, lutimes, open, readlink, symlink } from 'node:fs/promises';
import { StorageError } from '../errors.ts';
import { absentAs, lookAt, onDisk, openRegular, removeFile, systemCode } from './files.ts';
import { formatShort, type Holder, parseHolder, parseShort } from './holder.ts';

/** The state of a lock file at one moment. */
export interface LockFile {
  /** Undefined for an empty or invalid file: it is being written, or a crash interrupted the write. */
  readonly holder: Holder | undefined;
  /** The part that a heartbeat changes. */
  readonly pulse: string;
}

/** Returns undefined when no lock exists, or when the lock changed during the read. */
export async function readLockFile(path: string): Promise<LockFile | undefined> {
  const seen = await lookAt(path);
  if (seen === undefined) return undefined;
  const isLink = seen.isSymbolicLink();
  if (!isLink && !seen.isFile()) {
    const found = seen.isDirectory() ? 'this is a folder' : 'this is not a regular file';
    const message = `${path}: a lock file was expected, and ${found}: move it away, and try again`;
    throw new StorageError('IO_FAILED', message, { path });
  }
  try {
    const text = isLink ? await readLink(path) : await readText(path);
    if (text === undefined) return undefined;
    const holder = isLink ? parseShort(text) : parseHolder(text);
    return { holder, pulse: `${seen.ino} ${seen.mtimeMs} ${text}` };
  } catch (error) {
    if ((await lookAt(path))?.isSymbolicLink() !== isLink) return undefined;
    throw error;
  }
}

async function readLink(path: string): Promise<string | undefined> {
  return onDisk(path, () => absentAs(undefined, readlink(path)));
}

async function readText(path: string): Promise<string | undefined> {
  const opened = await openRegular(path);
  if (opened === undefined) return undefined;
  const { file } = opened;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A lock file of this process. */
export interface OwnLockFile {
  /** Changes the file, so that other processes see that its holder runs. */
  beat(): Promise<void>;
  close(): Promise<void>;
}

/** Returns undefined when the lock exists already. */
export async function createLockFile(path: string, holder: Holder): Promise<OwnLockFile | undefined> {
  return onDisk(path, async () => {
    try {
      return await createFile(path, holder);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return undefined;
      throw error;
    }
  });
}

async function createFile(path: string, holder: Holder): Promise<OwnLockFile> {
  const file = await open(path, 'wx+', 0o644);
  try {
    await writeBeat(file, holder, 0);
  } catch (error) {
    await file.close();
    // An empty lock file would lock out every process, including its creator.
    await removeFile(path);
    if (['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) return createLink(path, holder);
    throw error;
  }
  let count = 0;
  return {
    // Writes through the open file, because the path may already be another process's lock.
    beat: () => onDisk(path, () => writeBeat(file, holder, ++count)),
    close: () => file.close(),
  };
}

/** Keeps the length of the file, so that a write succeeds on a full disk, too. */
async function writeBeat(file: FileHandle, holder: Holder, count: number): Promise<void> {
  await file.write(JSON.stringify({ ...holder, beat: String(count).padStart(10, '0') }), 0);
}

/**
 * A full disk has no block for a file, but a short link is stored in the inode: file systems keep fewer than 60 bytes
 * there. Otherwise neither the registry nor its garbage collection, which frees space, could start.
 */
async function createLink(path: string, holder: Holder): Promise<OwnLockFile> {
  await symlink(formatShort(holder), path);
  return {
    async beat() {
      const now = new Date();
      await onDisk(path, () => lutimes(path, now, now));
    },
    async close() {},
  };
}
