import { rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, onDisk, removeFile, systemCode } from '../files/files.ts';

/** What a session made on disk, so that one which comes to nothing leaves nothing. Paths are absolute. */
export class Trail {
  #folders: string[] = [];
  #files = new Set<string>();

  /** Makes the folder and those above it. */
  async folder(path: string): Promise<void> {
    const first = await makeFolder(path);
    if (first === undefined) return;
    const made: string[] = [];
    for (let at = path; at.length >= first.length; at = dirname(at)) {
      made.unshift(at);
      if (at === first) break;
    }
    this.#folders.push(...made);
  }

  /** Whether the folder was made here. */
  made(folder: string): boolean {
    return this.#folders.includes(folder);
  }

  file(path: string): void {
    this.#files.add(path);
  }

  /** What was made so far is there to stay. */
  settle(): void {
    this.#folders = [];
    this.#files = new Set();
  }

  async removeFiles(): Promise<void> {
    for (const path of this.#files) await removeFile(path);
    this.#files.clear();
  }

  /** Removes the files, and the folders unless somebody else has put something there. */
  async undo(): Promise<void> {
    await this.removeFiles();
    for (const path of this.#folders.toReversed()) await onDisk(path, () => removeEmpty(path));
    this.settle();
  }
}

async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    // Windows says EPERM or EBUSY of a folder that another program looks into.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM', 'EBUSY'].includes(systemCode(error) ?? '')) throw error;
  }
}
