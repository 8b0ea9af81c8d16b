import { rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, onDisk, removeFile, systemCode } from '../files/files.ts';

/** The files and folders that a session created, for their removal if the session fails. Paths are absolute. */
export class UndoLog {
  #folders: string[] = [];
  #files = new Set<string>();

  /** Creates the folder and its parents. */
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

  /** Returns whether this session created the folder. */
  made(folder: string): boolean {
    return this.#folders.includes(folder);
  }

  file(path: string): void {
    this.#files.add(path);
  }

  /** Keeps everything created so far. */
  settle(): void {
    this.#folders = [];
    this.#files = new Set();
  }

  async removeFiles(): Promise<void> {
    for (const path of this.#files) await removeFile(path);
    this.#files.clear();
  }

  /** Removes the files, and the folders unless they contain other files. */
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
    // Windows answers EPERM or EBUSY for a folder that another program has open.
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EPERM', 'EBUSY'].includes(systemCode(error) ?? '')) throw error;
  }
}
