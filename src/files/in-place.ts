import { open } from 'node:fs/promises';
import { isGantryError } from '../errors.ts';
import { onDisk, type ReplaceOptions, replaceFile, systemCode, writeFully } from './files.ts';

/** Codes for a file that cannot be replaced by a rename: it is a mount point, or its folder accepts no new file. */
const unmovable: ReadonlySet<string> = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS']);

/**
 * Replaces the file in one step. If the system allows no rename over it, overwrites the existing file, which a crash
 * can leave half written. Single files in containers are often mount points. Throws like `replaceFile`.
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
