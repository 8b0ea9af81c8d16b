import { type FileHandle, lutimes, open, readlink, symlink } from 'node:fs/promises';
import { absentAs, lookAt, onDisk, openRegular, removeFile, systemCode } from './files.ts';
import { formatShort, type Holder, parseHolder, parseShort } from './holder.ts';

/** A lock file at one moment. */
export interface LockFile {
  /** `undefined` for a file that says nothing: it is just being written, or a crash came in between. */
  readonly holder: Holder | undefined;
  /** What a heartbeat changes. */
  readonly pulse: string;
}

/** `undefined` if there is no lock, or another one than a moment ago. */
export async function readLockFile(path: string): Promise<LockFile | undefined> {
  const seen = await lookAt(path);
  if (seen === undefined) return undefined;
  const isLink = seen.isSymbolicLink();
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

/** A lock file of one's own. */
export interface OwnLockFile {
  /** Changes it, so that others see that its holder lives. */
  beat(): Promise<void>;
  close(): Promise<void>;
}

/** `undefined` if there is a lock already. */
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
    // A lock without content would shut out everybody, its own maker included.
    await removeFile(path);
    if (['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) return createLink(path, holder);
    throw error;
  }
  let count = 0;
  return {
    // Through the open file: what stands under the path may be another's by now.
    beat: () => onDisk(path, () => writeBeat(file, holder, ++count)),
    close: () => file.close(),
  };
}

/** Always as long as before: a full disk takes it, too. */
async function writeBeat(file: FileHandle, holder: Holder, count: number): Promise<void> {
  await file.write(JSON.stringify({ ...holder, beat: String(count).padStart(10, '0') }), 0);
}

/**
 * A full disk has no block for the bytes of a file, but a short link stands in the inode: file systems keep fewer than
 * 60 bytes there. Without it, neither the registry nor its garbage collection would start, which makes room.
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
