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
 * Bytes up to which a blob is hashed before the first answer about it, 10 ms of one core. A larger blob is hashed
 * while it is sent, and its last chunk waits for the result.
 */
const aheadLimit = 16 * 1024 * 1024;

export interface SoundnessOptions extends SignalOptions {
  /** Whether to hash a small file first if this process has not hashed it yet. Default true. */
  readonly ahead?: boolean | undefined;
}

/**
 * The memory of the blob files that were right or damaged when this process read them. A damaged blob counts as
 * missing, so that a push or the upstream of a cache sends it again. A file in `damaged/` keeps that over a restart.
 * The first question then hashes the file once more, since a person may have restored it.
 */
export class Soundness implements Witness {
  readonly #files: DurableFiles;
  readonly #folder: string;
  readonly #right: Lru<string> = new Lru(20_000);
  /** The identity of the wrong file; undefined if an earlier process saw it. */
  readonly #wrong = new Map<Digest, string | undefined>();
  readonly #looking = createSingleFlight<string, boolean>({ limit: Number.POSITIVE_INFINITY });
  #marking: Promise<unknown> = Promise.resolve();

  private constructor(files: DurableFiles) {
    this.#files = files;
    this.#folder = join(files.root, 'damaged');
  }

  static async open(files: DurableFiles): Promise<Soundness> {
    const soundness = new Soundness(files);
    // Without the folder the memory ends with this process. The registry serves anyway.
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

  /** Returns whether this process, or one before it, saw the blob damaged, and it was not healed since. */
  isSuspect(digest: Digest): boolean {
    return this.#wrong.has(digest);
  }

  /**
   * Returns whether the file may be served as the blob. Hashes a small file that this process has not hashed, and a
   * large one only if it is suspect. An unreadable file is not sound.
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

  /** Resolves when all marks so far are on the disk. */
  async close(): Promise<void> {
    await this.#marking;
  }

  async #look(path: string, digest: Digest, file: Stats, signal: AbortSignal): Promise<boolean> {
    let right = false;
    try {
      right = (await hashFile(path, computableAlgorithm(digest), { signal })).hasher.digest() === digest;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // The right to read can be given back, and the file is the same then.
      if (isGantryError(error, 'NO_PERMISSION')) return false;
    }
    if (right) this.sawRight(digest, file);
    else this.sawWrong(digest, file);
    return right;
  }

  #mark(task: () => Promise<unknown>): void {
    // On a full or read-only disk only this process knows of the damage.
    this.#marking = this.#marking.then(task).catch(() => undefined);
  }
}

function identity({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}
