import type { Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hashFile, type Witness } from '../blobfile/blob-file.ts';
import { isGantryError } from '../errors.ts';
import { isUnreadable, onDisk, removeFile } from '../files/files.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { Lru } from '../store/lru.ts';
import type { DurableFiles } from './durable.ts';
import { digestOfFile, fileOf } from './file-names.ts';

/**
 * Bytes up to which a blob is hashed before the first question about it is answered, 10 ms of one core. A larger one is
 * hashed while it is sent, and its last chunk is held back until the hash is right.
 */
const aheadLimit = 16 * 1024 * 1024;

export interface SoundnessOptions extends SignalOptions {
  /** Whether a small file that nobody has hashed yet is hashed first. Default true. */
  readonly ahead?: boolean;
}

/**
 * What the store knows of its blobs' files: which were right when this process read them, and which are damaged. A damaged
 * blob counts as missing, so that a push or the upstream of a cache brings it again. A file in `damaged/` keeps
 * that over a restart; the first question then hashes the file once more, since somebody may have restored it.
 */
export class Soundness implements Witness {
  readonly #files: DurableFiles;
  readonly #folder: string;
  readonly #right: Lru<string> = new Lru(20_000);
  /** The file that was seen to be wrong; undefined where an earlier process saw it. */
  readonly #wrong = new Map<Digest, string | undefined>();
  readonly #looking = createSingleFlight<string, boolean>({ limit: Number.POSITIVE_INFINITY });
  #marking: Promise<unknown> = Promise.resolve();

  private constructor(files: DurableFiles) {
    this.#files = files;
    this.#folder = join(files.root, 'damaged');
  }

  static async open(files: DurableFiles): Promise<Soundness> {
    const soundness = new Soundness(files);
    // Without the folder nothing is remembered beyond this process, which is no reason not to serve.
    const names = await onDisk(soundness.#folder, () => readdir(soundness.#folder)).catch(() => []);
    for (const name of names) {
      const digest = digestOfFile(name);
      if (digest !== undefined) soundness.#wrong.set(digest, undefined);
    }
    return soundness;
  }

  trusts(digest: Digest, file: Stats): boolean {
    return this.#right.get(digest) === identity(file);
  }

  sawRight(digest: Digest, file: Stats): void {
    this.#right.set(digest, identity(file));
    if (this.#wrong.delete(digest)) this.#mark(() => removeFile(join(this.#folder, fileOf(digest))));
  }

  sawWrong(digest: Digest, file: Stats): void {
    this.#right.delete(digest);
    const known = this.#wrong.has(digest);
    this.#wrong.set(digest, identity(file));
    if (known) return;
    const path = join(this.#folder, fileOf(digest));
    this.#mark(() => this.#files.replace(path, new Uint8Array()));
  }

  /** Whether this process, or one before it, saw the blob damaged, and nobody has healed it since. */
  isSuspect(digest: Digest): boolean {
    return this.#wrong.has(digest);
  }

  /**
   * Whether the file may be handed out as the blob. A small one is hashed now if this process hasn't done so, and a
   * large one only if it is suspect. A file that can't be read is not sound.
   */
  async isSound(
    path: string,
    digest: Digest,
    file: Stats,
    { ahead = true, signal }: SoundnessOptions = {},
  ): Promise<boolean> {
    if (this.trusts(digest, file)) return true;
    const seen = identity(file);
    const suspect = this.#wrong.has(digest);
    if (suspect && this.#wrong.get(digest) === seen) return false;
    if (!suspect && (!ahead || file.size > aheadLimit)) return true;
    const look = (ended: AbortSignal): Promise<boolean> => this.#look(path, digest, file, ended);
    return this.#looking.run(`${digest} ${seen}`, look, { signal });
  }

  /** Settles when the marks of what was seen until now stand on the disk. */
  async close(): Promise<void> {
    await this.#marking;
  }

  async #look(path: string, digest: Digest, file: Stats, signal: AbortSignal): Promise<boolean> {
    let right = false;
    try {
      right = (await hashFile(path, computableAlgorithm(digest), { signal })).hasher.digest() === digest;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // Rights come back, and the file is the same then.
      if (isGantryError(error, 'NO_PERMISSION')) return false;
    }
    if (right) this.sawRight(digest, file);
    else this.sawWrong(digest, file);
    return right;
  }

  #mark(task: () => Promise<unknown>): void {
    // On a full or read-only disk the mark is this process's alone.
    this.#marking = this.#marking.then(task).catch(() => undefined);
  }
}

function identity({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}
