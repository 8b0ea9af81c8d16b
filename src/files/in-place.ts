import { open } from 'node:fs/promises';
import { isGantryError } from '../errors.ts';
import { onDisk, type ReplaceOptions, replaceFile, systemCode, writeFully } from './files.ts';

/** A file that is a mount of its own, or whose folder takes no other file, can't be renamed over. */
const unmovable: ReadonlySet<string> = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS']);

/**
 * Replaces the file in one step; where the system allows no rename over it, writes into the file that is there, which a crash
 * can leave half written. A container gets single files as mounts. Throws as `replaceFile`.
 */
export async function replaceOrOverwrite(
  path: string,
  bytes: Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  try {
    await replaceFile(path, bytes, options);
  } catch (error) {
    const code = isGantryError(error) ? systemCode(error.cause) : undefined;
    if (options.like === undefined || code === undefined || !unmovable.has(code)) throw error;
    await overwrite(path, bytes);
  }
}

async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  await onDisk(path, async () => {
    const file = await open(path, 'r+');
    try {
      await writeFully(file, bytes, 0);
      await file.truncate(bytes.byteLength);
      await file.sync();
    } finally {
      await file.close();
    }
  });
}
