import type { Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { hashFile } from '../blobfile/blob-file.ts';
import { lookAt, unlessUnreadable } from '../files/files.ts';
import { readUpTo } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { computableAlgorithm, type Digest, isComputable, isDigest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { FindingList } from './findings.ts';
import { fileNamesIn } from './folder.ts';
import { inSteps } from './in-steps.ts';

/** Bytes of a file that is read in one piece. */
const smallFile = 64 * 1024;

/** Reads and hashes files for the checks of the pool and of all repositories. */
export class HashedFiles {
  /** By inode number and digest: each file is read once, although many repositories may have a link to it. */
  readonly #read = new Map<string, Promise<string | undefined>>();
  readonly #onHashed: (bytes: number) => void;

  constructor(onHashed: (bytes: number) => void) {
    this.#onHashed = onHashed;
  }

  /** Returns the problem of the file with the inode number `ino` as text, or undefined. */
  async problemOf(path: string, digest: Digest, ino: number): Promise<string | undefined> {
    const key = `${ino} ${digest}`;
    const known = this.#read.get(key) ?? this.#hash(path, digest, ino);
    this.#read.set(key, known);
    const problem = await known;
    // Another file may have the number by now.
    if (problem === 'gone') this.#read.delete(key);
    return problem === 'gone' ? undefined : problem;
  }

  /** Notes that a file was read as a whole and is right. */
  sawRight(digest: Digest, { ino, size }: Stats): void {
    const key = `${ino} ${digest}`;
    if (!this.#read.has(key)) this.#onHashed(size);
    this.#read.set(key, Promise.resolve(undefined));
  }

  async #hash(path: string, digest: Digest, ino: number): Promise<string | undefined> {
    const { hasher, size } = await hashFile(path, computableAlgorithm(digest));
    const actual = hasher.digest();
    // The file may have been removed or replaced during the reading.
    if (actual !== digest && (await lookAt(path))?.ino !== ino) return 'gone';
    this.#onHashed(size);
    return actual === digest ? undefined : `its ${size} bytes have digest ${actual}`;
  }
}

/** The blobs of one repository, or of the pool, in a check. */
export class CheckedBlobs {
  /** Damaged blobs with the inode numbers of their files: one file may stand in the pool and in many repositories. */
  readonly damaged: Map<Digest, number | undefined> = new Map();
  readonly #files: HashedFiles;
  readonly #findings: FindingList;
  readonly #first: boolean;
  readonly #sizes = new Map<Digest, number>();

  /** `first`: `files` probably does not know these files yet, so they are read without a look at each. */
  constructor(
    files: HashedFiles,
    findings: FindingList,
    { first = false }: { readonly first?: boolean } = {},
  ) {
    this.#first = first;
    this.#files = files;
    this.#findings = findings;
  }

  /** Returns the bytes of a blob that is a file. */
  sizeOf(digest: Digest): number | undefined {
    return this.#sizes.get(digest);
  }

  async check(layout: string, options: SignalOptions): Promise<void> {
    const all = join(layout, 'blobs');
    for (const algorithm of await this.#findings.reading([], all, () => fileNamesIn(all))) {
      const folder = join(all, algorithm);
      const names = await this.#findings.reading([], folder, () => fileNamesIn(folder));
      const check = (name: string): Promise<void> => this.#blob(join(folder, name), `${algorithm}:${name}`);
      await inSteps(names, check, options);
    }
  }

  async #blob(path: string, digest: string): Promise<void> {
    if (!isDigest(digest)) return this.#findings.add('stray', path, 'does not have the name of a blob');
    if (!isComputable(digest)) {
      const problem = 'holds blobs of an algorithm that the store does not use and gantry cannot check';
      return this.#findings.add('stray', dirname(path), problem);
    }
    await this.#findings.reading(undefined, digest, async () => {
      const problem = await this.#problemOf(path, digest);
      if (problem === undefined) this.damaged.delete(digest);
      else this.#findings.add('damaged', digest, problem);
    });
  }

  async #problemOf(path: string, digest: Digest): Promise<string | undefined> {
    const whole = this.#first ? await readUpTo(path, smallFile).catch(unlessUnreadable) : undefined;
    const seen = whole?.stats ?? (await lookAt(path));
    if (seen === undefined) return undefined;
    // The blob counts as damaged until it turns out to be right, so an error on the way counts, too.
    this.damaged.set(digest, seen.ino);
    if (!seen.isFile()) return 'is not a regular file';
    this.#sizes.set(digest, seen.size);
    if (whole?.bytes !== undefined && digestOf(whole.bytes, computableAlgorithm(digest)) === digest) {
      this.#files.sawRight(digest, seen);
      return undefined;
    }
    return this.#files.problemOf(path, digest, seen.ino);
  }
}
