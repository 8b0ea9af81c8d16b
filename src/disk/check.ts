import { join, resolve } from 'node:path';
import { lookAt } from '../files/files.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { neededBlobs } from '../store/admission.ts';
import type { SignalOptions } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import { absentAmong } from './absent.ts';
import { CheckedBlobs, HashedFiles } from './check-blobs.ts';
import { digestOfFile, tagOfFile } from './file-names.ts';
import { FindingList, type StoreFinding } from './findings.ts';
import { fileNamesIn, namesUnder, RepositoryFolder } from './folder.ts';
import { inSteps } from './in-steps.ts';
import { gone, readManifest, tagProblem } from './look.ts';
import { markerName, mustBeStore } from './version.ts';

export interface CheckOptions extends SignalOptions {
  /** Whether images may lack blobs that they name, as in a store that takes sparse images. Default false. */
  readonly sparse?: boolean | undefined;
  /** Called after each file and each repository, with the counts so far. */
  readonly onProgress?: ((counts: CheckCounts) => void) | undefined;
}

/** The numbers of checked things. */
export interface CheckCounts {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  /** Files that were read and hashed, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
}

export interface CheckReport extends CheckCounts {
  readonly findings: readonly StoreFinding[];
}

/**
 * Reads a whole store and checks it. Changes nothing and takes no lock. Beside a server that has the store open, it
 * looks at each problem twice, because the server may have changed the file at that moment. Throws IO_FAILED for a
 * folder that is no store, UNSUPPORTED for another format.
 */
export async function checkStore(root: string, options: CheckOptions = {}): Promise<CheckReport> {
  const path = resolve(root);
  const marker = await mustBeStore(path);
  const counts: Counts = { repositories: 0, manifests: 0, tags: 0, blobs: 0, bytes: 0 };
  const progress = (): void => options.onProgress?.({ ...counts });
  const files = new HashedFiles((bytes) => {
    counts.blobs++;
    counts.bytes += bytes;
    progress();
  });
  const context: Context = { root: path, options, counts, files };
  const pool = new FindingList(path);
  if (marker === 'cut') {
    pool.add('damaged', join(path, markerName), 'is cut off; the next start of "gantry serve" repairs it');
  }
  const pooled = new CheckedBlobs(files, pool, { first: true });
  await pooled.check(path, options);
  const repositories = join(path, 'repositories');
  const names: string[] = [];
  const unlisted = (folder: string, error: unknown): void => pool.unreadable(folder, error);
  for await (const name of namesUnder(repositories, unlisted)) names.push(name);
  const told = new Set<number | undefined>();
  const found: (readonly StoreFinding[])[] = [];
  const look = async (name: string, at: number): Promise<void> => {
    const folder = new RepositoryFolder(repositories, name, looking);
    const check = new RepositoryCheck(context, folder);
    await check.run();
    found[at] = check.findings.all;
    for (const file of check.blobs.damaged.values()) told.add(file);
    progress();
  };
  await inSteps([...names.entries()], ([at, name]) => look(name, at), {
    ...options,
    atOnce: repositoriesAtOnce,
  });
  // A damaged file is reported for its repository, and not once more for the pool.
  const alone = pool.all.filter(({ subject }) => {
    const file = isDigest(subject) ? pooled.damaged.get(subject) : undefined;
    return file === undefined || !told.has(file);
  });
  return { ...counts, findings: [...alone, ...found.flat()] };
}

/** The check takes nothing back from a collection of garbage beside it. */
const looking = { takesBack: false };
const repositoriesAtOnce = 4;

type Counts = { -readonly [K in keyof CheckCounts]: CheckCounts[K] };

/** The state that the checks of all repositories share. */
interface Context {
  readonly root: string;
  readonly options: CheckOptions;
  readonly counts: Counts;
  readonly files: HashedFiles;
}

/** The check of one repository. An unreadable file is a finding, and the check goes on. */
class RepositoryCheck {
  readonly findings: FindingList;
  readonly blobs: CheckedBlobs;
  readonly #context: Context;
  readonly #folder: RepositoryFolder;
  /** The manifests that were read, with their subjects. */
  readonly #subjects = new Map<Digest, Digest | undefined>();

  constructor(context: Context, folder: RepositoryFolder) {
    this.#context = context;
    this.#folder = folder;
    this.findings = new FindingList(context.root, folder.name);
    this.blobs = new CheckedBlobs(context.files, this.findings);
  }

  async run(): Promise<void> {
    const folder = this.#folder;
    const { options, counts } = this.#context;
    const manifests = await this.findings.reading([], folder.state, () => folder.manifests());
    const holds = await this.findings.reading(true, folder.layout, () => folder.holdsSomething());
    if (!holds && manifests.length === 0) return;
    counts.repositories++;
    await this.blobs.check(folder.layout, options);
    const listed: ReadonlySet<Digest> = new Set(manifests);
    const look = (digest: Digest): Promise<void> =>
      this.findings.reading(undefined, digest, () => this.#manifest(digest, listed));
    await inSteps(manifests, look, options);
    await this.#tags(join(folder.state, 'tags'));
    const referrers = join(folder.state, 'referrers');
    await this.findings.reading(undefined, referrers, () => this.#referrers(referrers));
    await this.#strays(join(folder.state, 'tags'), (name) => tagOfFile(name) !== undefined);
    await this.#strays(folder.manifestsFolder, (name) => digestOfFile(name) !== undefined);
  }

  async #manifest(digest: Digest, listed: ReadonlySet<Digest>): Promise<void> {
    const folder = this.#folder;
    this.#context.counts.manifests++;
    let manifest: Manifest | string | undefined;
    await this.findings.look('damaged', digest, async () => {
      manifest = await readManifest(folder, digest);
      // A damaged blob is reported already.
      return typeof manifest === 'string' && !this.blobs.damaged.has(digest) ? manifest : undefined;
    });
    if (manifest === undefined || typeof manifest === 'string') return;
    const subject = subjectOf(manifest);
    this.#subjects.set(digest, subject);
    await this.#needs(manifest);
    await this.#children(manifest, listed);
    if (subject === undefined) return;
    await this.findings.look('missing', digest, async () => {
      const entry = (await lookAt(folder.referrerPath(subject, digest))) ?? (await gone(folder, digest));
      return entry === undefined ? `is not listed among the referrers of ${subject}` : undefined;
    });
  }

  async #needs({ body, descriptor: { digest } }: Manifest): Promise<void> {
    const folder = this.#folder;
    const { sparse = false } = this.#context.options;
    for (const blob of sparse ? [] : neededBlobs(body)) {
      if (this.blobs.sizeOf(blob.digest) === blob.size || this.blobs.damaged.has(blob.digest)) continue;
      await this.findings.look('missing', digest, async () => {
        const there = (await folder.blobSize(blob.digest)) ?? (await gone(folder, digest));
        if (there === undefined) return `names blob ${blob.digest}, which is missing`;
        if (typeof there === 'number' && there !== blob.size) {
          return `names blob ${blob.digest} of ${blob.size} bytes, but the blob has ${there}`;
        }
        return undefined;
      });
    }
  }

  /** Children may be missing; an existing child must be a manifest and not only a blob. */
  async #children({ body, descriptor: { digest } }: Manifest, listed: ReadonlySet<Digest>): Promise<void> {
    const folder = this.#folder;
    const children = manifestsOf(body).filter(
      (child) => !listed.has(child.digest) && child.mediaType.includes('manifest'),
    );
    const named = children.map((child) => child.digest);
    const absent = await absentAmong(folder, 'blobs', named);
    for (const child of new Set(named)) {
      if (absent.has(child)) continue;
      await this.findings.look('missing', digest, async () => {
        if ((await folder.blobSize(child)) === undefined) return undefined;
        const known = (await folder.hasManifest(child)) || (await gone(folder, digest)) !== undefined;
        return known ? undefined : `names manifest ${child}, which exists only as a blob`;
      });
    }
  }

  async #tags(folder: string): Promise<void> {
    const tags = await this.findings.reading([], folder, () => this.#folder.tags());
    this.#context.counts.tags += tags.length;
    const look = (tag: string): Promise<void> =>
      this.findings.reading(undefined, tag, () =>
        this.findings.look('missing', tag, () =>
          tagProblem(this.#folder, tag, (digest) => this.#subjects.has(digest)),
        ),
      );
    await inSteps(tags, look, this.#context.options);
  }

  async #referrers(all: string): Promise<void> {
    for (const name of await fileNamesIn(all)) {
      const path = join(all, name);
      const subject = digestOfFile(name);
      if (subject === undefined) this.findings.add('stray', path, 'does not have the name of a subject');
      else await this.findings.reading(undefined, path, () => this.#referrersOf(subject));
    }
  }

  async #referrersOf(subject: Digest): Promise<void> {
    const folder = this.#folder;
    for (const digest of await folder.referrers(subject)) {
      if (this.#subjects.get(digest) === subject) continue;
      // An entry without a manifest is left over from a killed server, and no reader sees it.
      await this.findings.look('stray', digest, async () => {
        const manifest = await readManifest(folder, digest);
        if (manifest === undefined || typeof manifest === 'string') return undefined;
        return subjectOf(manifest) === subject
          ? undefined
          : `is listed as a referrer of ${subject}, but has another subject`;
      });
    }
  }

  async #strays(path: string, belongs: (name: string) => boolean): Promise<void> {
    for (const name of await this.findings.reading([], path, () => fileNamesIn(path))) {
      if (belongs(name)) continue;
      const subject = join(path, name);
      await this.findings.look('stray', subject, async () =>
        (await lookAt(subject)) === undefined ? undefined : 'is not a file of the store',
      );
    }
  }
}
