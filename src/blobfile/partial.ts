import { constants } from 'node:fs';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, lookAt, onDisk } from '../files/files.ts';
import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';

/** Milliseconds. A partial file that nothing has continued for so long is probably of no use any more. */
const maxAge = 7 * 24 * 60 * 60 * 1000;
/** Bytes of the smallest blob with a partial file. Fetching a smaller one again costs less than the question for its rest. */
const least = 1024 * 1024;

const pattern = /^sha(?:256-[0-9a-f]{64}|512-[0-9a-f]{128})\.part$/;

/**
 * Returns the name of the file that collects the bytes of a blob, so that a later process finds them after this one was killed.
 * The bytes in it are in order and without a gap; only the digest of the whole shows that they are right.
 */
export function partialName(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestEncoded(digest)}.part`;
}

export function isPartialName(name: string): boolean {
  return pattern.test(name);
}

/** Returns whether a blob of this size gets a partial file. */
export function isWorthContinuing(size: number): boolean {
  return size >= least;
}

/** Returns the size of a partial file that this process may continue; undefined if there is none. */
export async function partialSize(path: string): Promise<number | undefined> {
  const flags = constants.O_RDWR | (constants.O_NOFOLLOW ?? 0);
  const file = await onDisk(path, () => absentAs(undefined, open(path, flags)));
  if (file === undefined) return undefined;
  try {
    const stats = await onDisk(path, () => file.stat());
    return stats.isFile() && stats.size > 0 ? stats.size : undefined;
  } finally {
    await file.close();
  }
}

/**
 * Removes everything from a folder of upload sessions but the partial files of a killed process that are young enough. Call it
 * only while holding the lock of the folder.
 */
export async function removeAllButPartial(folder: string): Promise<void> {
  await onDisk(folder, async () => {
    for (const name of await absentAs([], readdir(folder))) {
      const path = join(folder, name);
      const seen = isPartialName(name) ? await lookAt(path) : undefined;
      if (seen?.isFile() && Date.now() - seen.mtimeMs < maxAge) continue;
      await rm(path, { recursive: true, force: true });
    }
  });
}
