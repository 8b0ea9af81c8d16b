import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onDisk, removeFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { blobPath } from './blob-file.ts';

const journalFile = '.gantry-blobs';
/** Bytes: more blobs than a layout has. */
const limit = 64 * 1024 * 1024;

/**
 * The blobs that a session has put in place and that no commit has made part of the layout yet. A session that ends by
 * SIGKILL leaves it behind, and the next one removes those of them that nothing names.
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

  /** Called before the blob gets its name. */
  async note(digest: Digest): Promise<void> {
    this.#left.delete(digest);
    this.#isThere = true;
    await onDisk(this.#path, () => appendFile(this.#path, `${digest}\n`));
  }

  /** A blob that an earlier session left, and that this one counts on. */
  adopt(digest: Digest): void {
    this.#left.delete(digest);
  }

  get hasLeft(): boolean {
    return this.#left.size > 0;
  }

  /** Ends with a commit, or with all that this session has put in place taken away again. */
  async end(named: ReadonlySet<Digest>): Promise<void> {
    for (const digest of this.#left) {
      if (!named.has(digest)) await removeFile(blobPath(this.#folder, digest));
    }
    this.#left.clear();
    if (this.#isThere) await removeFile(this.#path);
    this.#isThere = false;
  }
}
