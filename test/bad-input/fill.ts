import { open } from 'node:fs/promises';
import { join } from 'node:path';

const page = 4096;

/** Leaves this number of bytes free, as the disk counts them. Returns the file that takes the rest. */
export async function fill(disk: string, free = 0): Promise<string> {
  const path = join(disk, 'filler');
  const file = await open(path, 'w');
  let size = 0;
  try {
    for (;;) size += (await file.write(Buffer.alloc(page))).bytesWritten;
  } catch {
    await file.truncate(Math.max(0, size - free));
  } finally {
    await file.close();
  }
  return path;
}
