import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { blobPath } from '../blobfile/blob-file.ts';
import { onDisk, removeFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { type Digest, isDigest } from '../spec/digest.ts';

const journalFile = '.gantry-blobs';
/** Bytes: more blobs than a layout has. */
const limit = 64 * 1024 * 1024;

/**
 * The blobs that a session has written and that no commit has made part of the layout yet. A session that ends by
 * SIGKILL leaves this list behind, and the next session removes the listed blobs that no manifest names.
 */
export class Journal {
  readonly #folder: string;
  readonly #path: string;
  readonly #left: Set<Digest>;
  #isThere: boolean;

  private constructor(folder: string, left: Set<Digest> | undefined) {
    this.#folder = folder;
    this.#path = join(folder, journalFile);
    this.#left = left ?? new Set();
    this.#isThere = left !== undefined;
  }

  static async open(folder: string): Promise<Journal> {
    const bytes = await readSmall(join(folder, journalFile), limit);
    const lines = bytes === undefined ? undefined : new TextDecoder().decode(bytes).split('\n');
    return new Journal(folder, lines && new Set(lines.filter(isDigest)));
  }

  /** Call this before the blob gets its final name. */
  async note(digest: Digest): Promise<void> {
    this.#left.delete(digest);
    this.#isThere = true;
    await onDisk(this.#path, () => appendFile(this.#path, `${digest}\n`));
  }

  /** Keeps a blob of an earlier session on which this one relies. */
  adopt(digest: Digest): void {
    this.#left.delete(digest);
  }

  get hasLeft(): boolean {
    return this.#left.size > 0;
  }

  /** Ends the list, either with a commit or after the removal of all blobs of this session. */
  async end(named: ReadonlySet<Digest>): Promise<void> {
    for (const digest of this.#left) {
      if (!named.has(digest)) await removeFile(blobPath(this.#folder, digest));
    }
    this.#left.clear();
    if (this.#isThere) await removeFile(this.#path);
    this.#isThere = false;
  }
}
