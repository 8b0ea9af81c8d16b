import { join, resolve, sep } from 'node:path';
import { isGantryError } from '../errors.ts';
import { isUnreadable, lookAt } from '../files/files.ts';
import { hashFile } from '../layout/blob-file.ts';
import { computableAlgorithm, type Digest, isDigest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { neededBlobs } from '../store/admission.ts';
import type { SignalOptions } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import { digestOfFile, tagOfFile } from './file-names.ts';
import { namesIn, namesUnder, RepositoryFolder } from './folder.ts';
import { inSteps } from './in-steps.ts';
import { gone, readManifest, tagProblem } from './look.ts';
import { mustBeStore } from './version.ts';

export interface CheckOptions extends SignalOptions {
  /** Whether images may lack blobs that they name, as in a store that takes sparse images. Default false. */
  readonly sparse?: boolean;
  /** Told of what was looked at so far, after each repository. */
  readonly onProgress?: (counts: CheckCounts) => void;
}

export interface Finding {
  /** `damaged`: bytes that are not what their name says; `missing`: something that is named; `stray`: a file of no meaning. */
  readonly kind: 'damaged' | 'missing' | 'stray';
  readonly repository?: string;
  /** A digest, a tag or a path. */
  readonly subject: string;
  readonly problem: string;
}

/** What was looked at. */
export interface CheckCounts {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  /** Files that were read and hashed, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
}

export interface CheckReport extends CheckCounts {
  readonly findings: readonly Finding[];
}

/**
 * Reads a whole store and compares everything with what it is said to be. Changes nothing and takes no lock: beside a server
 * that has the store open, what looks wrong is looked at again, since it may have been changed at that moment.
 */
export async function checkStore(root: string, options: CheckOptions = {}): Promise<CheckReport> {
  const path = resolve(root);
  await mustBeStore(path);
  const counts: Counts = { repositories: 0, manifests: 0, tags: 0, blobs: 0, bytes: 0 };
  const context: Context = { root: path, options, counts, read: new Map() };
  const pool = new StoreCheck(context, undefined);
  const repositories = join(path, 'repositories');
  await pool.blobsOf(path);
  const names: string[] = [];
  const unlisted = (folder: string, error: unknown): void => pool.unreadable(folder, error);
  for await (const name of namesUnder(repositories, unlisted)) names.push(name);
  const checks = names.map(
    (name) => new StoreCheck(context, new RepositoryFolder(repositories, name, looking)),
  );
  const look = async (check: StoreCheck): Promise<void> => {
    await check.repository();
    options.onProgress?.({ ...counts });
  };
  await inSteps(checks, look, { ...options, atOnce: repositoriesAtOnce });
  const told = new Set(checks.flatMap(({ damaged }) => [...damaged.values()]));
  const findings = [...pool.findingsBut(told), ...checks.flatMap((check) => check.findings)];
  return { ...counts, findings };
}

/** A collection of garbage beside the check needs what it has put aside where it is. */
const looking = { takesBack: false };
const repositoriesAtOnce = 4;

type Counts = { -readonly [K in keyof CheckCounts]: CheckCounts[K] };

/** What the checks of all repositories share. */
interface Context {
  readonly root: string;
  readonly options: CheckOptions;
  readonly counts: Counts;
  /** Each file is read once, however many names it has. */
  readonly read: Map<number, Promise<string | undefined>>;
}

/** The check of one repository, or of the pool. What can't be read is a finding, and the rest is looked at all the same. */
class StoreCheck {
  readonly findings: Finding[] = [];
  /** Damaged blobs, and the numbers of their files: one file may stand in the pool and in many repositories. */
  readonly damaged = new Map<Digest, number | undefined>();
  /** What was found, so that it is told once. */
  readonly #told = new Set<string>();
  readonly #context: Context;
  readonly #folder: RepositoryFolder | undefined;
  /** Bytes of the blobs that were seen. */
  readonly #held = new Map<Digest, number>();

  constructor(context: Context, folder: RepositoryFolder | undefined) {
    this.#context = context;
    this.#folder = folder;
  }

  async repository(): Promise<void> {
    const folder = this.#folder;
    const { options, counts } = this.#context;
    if (folder === undefined) return;
    const manifests = await this.#reading([], folder.state, () => folder.manifests());
    const holds = await this.#reading(true, folder.layout, () => folder.holdsSomething());
    if (!holds && manifests.length === 0) return;
    counts.repositories++;
    await this.blobsOf(folder.layout);
    const listed: ReadonlySet<Digest> = new Set(manifests);
    const look = (digest: Digest): Promise<void> =>
      this.#reading(undefined, digest, () => this.#manifest(folder, digest, listed));
    await inSteps(manifests, look, options);
    const tags = await this.#reading([], join(folder.state, 'tags'), () => folder.tags());
    counts.tags += tags.length;
    await inSteps(
      tags,
      (tag) =>
        this.#reading(undefined, tag, () => this.#found('missing', tag, () => tagProblem(folder, tag))),
      options,
    );
    const referrers = join(folder.state, 'referrers');
    await this.#reading(undefined, referrers, () => this.#referrers(folder, referrers));
    await this.#strays(join(folder.state, 'tags'), (name) => tagOfFile(name) !== undefined);
    await this.#strays(folder.manifestsFolder, (name) => digestOfFile(name) !== undefined);
  }

  async blobsOf(layout: string): Promise<void> {
    const all = join(layout, 'blobs');
    for (const algorithm of await this.#reading([], all, () => namesIn(all))) {
      const folder = join(all, algorithm);
      const names = await this.#reading([], folder, () => namesIn(folder));
      await inSteps(
        names,
        (name) => this.#blob(join(folder, name), `${algorithm}:${name}`),
        this.#context.options,
      );
    }
  }

  /** Those that are not about one of these files. */
  findingsBut(files: ReadonlySet<number | undefined>): readonly Finding[] {
    return this.findings.filter(({ subject }) => {
      const file = isDigest(subject) ? this.damaged.get(subject) : undefined;
      return file === undefined || !files.has(file);
    });
  }

  unreadable(path: string, error: unknown): void {
    if (!isGantryError(error)) throw error;
    this.#add('damaged', path, error.message);
  }

  async #blob(path: string, digest: string): Promise<void> {
    if (!isDigest(digest)) return this.#add('stray', path, 'is no blob');
    await this.#reading(undefined, digest, async () => {
      const problem = await this.#blobProblem(path, digest);
      if (problem === undefined) this.damaged.delete(digest);
      else this.#add('damaged', digest, problem);
    });
  }

  async #blobProblem(path: string, digest: Digest): Promise<string | undefined> {
    const seen = await lookAt(path);
    if (seen === undefined) return undefined;
    // Until it is found to be right: an error on the way counts, too.
    this.damaged.set(digest, seen.ino);
    if (!seen.isFile()) return 'is not a regular file';
    this.#held.set(digest, seen.size);
    const { read } = this.#context;
    const known = read.get(seen.ino) ?? this.#hashed(path, digest, seen.ino);
    read.set(seen.ino, known);
    const problem = await known;
    // What was removed while it was read says nothing of the file that has its number now.
    if (problem === 'gone') read.delete(seen.ino);
    return problem === 'gone' ? undefined : problem;
  }

  async #hashed(path: string, digest: Digest, ino: number): Promise<string | undefined> {
    const { hasher, size } = await hashFile(path, computableAlgorithm(digest));
    const actual = hasher.digest();
    // It was removed while it was read, or is another file now.
    if ((await lookAt(path))?.ino !== ino) return 'gone';
    const { counts } = this.#context;
    counts.blobs++;
    counts.bytes += size;
    return actual === digest ? undefined : `its ${size} bytes have digest ${actual}`;
  }

  async #manifest(folder: RepositoryFolder, digest: Digest, listed: ReadonlySet<Digest>): Promise<void> {
    const { options, counts } = this.#context;
    counts.manifests++;
    let manifest: Manifest | string | undefined;
    await this.#found('damaged', digest, async () => {
      manifest = await readManifest(folder, digest);
      // Of damaged bytes it is known that they are no manifest.
      return typeof manifest === 'string' && !this.damaged.has(digest) ? manifest : undefined;
    });
    if (manifest === undefined || typeof manifest === 'string') return;
    await this.#needs(folder, manifest, options);
    await this.#children(folder, manifest, listed);
    const subject = subjectOf(manifest);
    if (subject === undefined) return;
    await this.#found('missing', digest, async () => {
      const entry = (await lookAt(folder.referrerPath(subject, digest))) ?? (await gone(folder, digest));
      return entry === undefined ? `is not listed among the referrers of ${subject}` : undefined;
    });
  }

  async #needs(
    folder: RepositoryFolder,
    { body, descriptor: { digest } }: Manifest,
    { sparse = false }: CheckOptions,
  ): Promise<void> {
    for (const blob of sparse ? [] : neededBlobs(body)) {
      if (this.#held.get(blob.digest) === blob.size || this.damaged.has(blob.digest)) continue;
      await this.#found('missing', digest, async () => {
        const there = (await folder.blobSize(blob.digest)) ?? (await gone(folder, digest));
        if (there === undefined) return `names blob ${blob.digest}, which is not there`;
        if (typeof there === 'number' && there !== blob.size) {
          return `names blob ${blob.digest} of ${blob.size} bytes, which has ${there}`;
        }
        return undefined;
      });
    }
  }

  /** They may be missing; those that are there must be there as manifests. */
  async #children(
    folder: RepositoryFolder,
    { body, descriptor: { digest } }: Manifest,
    listed: ReadonlySet<Digest>,
  ): Promise<void> {
    for (const child of manifestsOf(body)) {
      if (listed.has(child.digest) || !child.mediaType.includes('manifest')) continue;
      await this.#found('missing', digest, async () => {
        if ((await folder.blobSize(child.digest)) === undefined) return undefined;
        const known = (await folder.hasManifest(child.digest)) || (await gone(folder, digest)) !== undefined;
        return known ? undefined : `names manifest ${child.digest}, which is there as a blob only`;
      });
    }
  }

  async #referrers(folder: RepositoryFolder, all: string): Promise<void> {
    for (const name of await namesIn(all)) {
      const path = join(all, name);
      const subject = digestOfFile(name);
      if (subject === undefined) this.#add('stray', path, 'is no subject');
      else await this.#reading(undefined, path, () => this.#referrersOf(folder, subject));
    }
  }

  async #referrersOf(folder: RepositoryFolder, subject: Digest): Promise<void> {
    for (const digest of await folder.referrers(subject)) {
      // One that is not there was being put, or deleted, when the server was killed: nobody sees it.
      await this.#found('stray', digest, async () => {
        const manifest = await readManifest(folder, digest);
        if (manifest === undefined || typeof manifest === 'string') return undefined;
        return subjectOf(manifest) === subject
          ? undefined
          : `is listed as a referrer of ${subject}, and is none`;
      });
    }
  }

  async #strays(path: string, belongs: (name: string) => boolean): Promise<void> {
    for (const name of await this.#reading([], path, () => namesIn(path))) {
      if (belongs(name)) continue;
      const subject = join(path, name);
      await this.#found('stray', subject, async () =>
        (await lookAt(subject)) === undefined ? undefined : 'is none of its files',
      );
    }
  }

  /** The answer, or `otherwise` where something can't be read, which is found then. */
  async #reading<T>(otherwise: T, subject: string, task: () => Promise<T>): Promise<T> {
    try {
      return await task();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.unreadable(subject, error);
      return otherwise;
    }
  }

  /** Twice: beside a server the first look may have fallen into the middle of a change. */
  async #found(
    kind: Finding['kind'],
    subject: string,
    look: () => Promise<string | undefined>,
  ): Promise<void> {
    if ((await look()) === undefined) return;
    const problem = await look();
    if (problem !== undefined) this.#add(kind, subject, problem);
  }

  #add(kind: Finding['kind'], subject: string, problem: string): void {
    // A manifest may name the same content several times.
    const finding = `${kind} ${subject} ${problem}`;
    if (this.#told.has(finding)) return;
    this.#told.add(finding);
    const { root } = this.#context;
    const repository = this.#folder?.name;
    const said = (text: string): string => text.replaceAll(`${root}${sep}`, '');
    this.findings.push({
      kind,
      subject: said(subject),
      problem: said(problem),
      ...(repository === undefined ? {} : { repository }),
    });
  }
}
