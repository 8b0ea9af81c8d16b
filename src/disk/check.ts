import { join, resolve } from 'node:path';
import { isGantryError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { blobFileContent, blobPath, hashFile } from '../layout/blob-file.ts';
import { computableAlgorithm, type Digest, isDigest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { neededBlobs } from '../store/admission.ts';
import type { SignalOptions } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import { digestOfFile, tagOfFile } from './file-names.ts';
import { digestsUnder, namesIn, namesUnder, RepositoryFolder } from './folder.ts';
import { mustBeStore } from './version.ts';

export interface CheckOptions extends SignalOptions {
  /** Whether images may lack blobs that they name, as in a store that takes sparse images. Default false. */
  readonly sparse?: boolean;
}

export interface Finding {
  /** `damaged`: bytes that are not what their name says; `missing`: something that is named; `stray`: a file of no meaning. */
  readonly kind: 'damaged' | 'missing' | 'stray';
  readonly repository?: string;
  /** A digest, a tag or a path. */
  readonly subject: string;
  readonly problem: string;
}

export interface CheckReport {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  /** Files that were read and hashed, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/**
 * Reads a whole store and compares everything with what it is said to be. Changes nothing and takes no lock: beside a server
 * that has the store open, what looks wrong is looked at again, since it may have been changed at that moment.
 */
export async function checkStore(root: string, options: CheckOptions = {}): Promise<CheckReport> {
  const path = resolve(root);
  await mustBeStore(path);
  const check = new StoreCheck(path, options);
  await check.blobsOf(path, undefined);
  const repositories = join(path, 'repositories');
  for await (const name of namesUnder(repositories)) {
    const folder = new RepositoryFolder(repositories, name);
    if (!(await folder.holdsSomething()) && (await folder.manifests()).length === 0) continue;
    await check.repository(folder);
  }
  return check.report();
}

class StoreCheck {
  readonly #root: string;
  readonly #options: CheckOptions;
  readonly #findings: Finding[] = [];
  /** Each file is read once, however many names it has. */
  readonly #read = new Map<number, string | undefined>();
  readonly #counts = { repositories: 0, manifests: 0, tags: 0, blobs: 0, bytes: 0 };

  constructor(root: string, options: CheckOptions) {
    this.#root = root;
    this.#options = options;
  }

  report(): CheckReport {
    return { ...this.#counts, findings: this.#findings };
  }

  async repository(folder: RepositoryFolder): Promise<void> {
    this.#counts.repositories++;
    await this.blobsOf(folder.layout, folder.name);
    for (const digest of await folder.manifests()) await this.#manifest(folder, digest);
    for (const tag of await folder.tags()) {
      this.#counts.tags++;
      await this.#found('missing', folder, tag, () => tagProblem(folder, tag));
    }
    await this.#referrers(folder);
    await this.#strays(folder, join(folder.state, 'tags'), (name) => tagOfFile(name) !== undefined);
    await this.#strays(folder, join(folder.state, 'manifests'), (name) => digestOfFile(name) !== undefined);
  }

  async blobsOf(layout: string, repository: string | undefined): Promise<void> {
    for (const digest of await digestsUnder(layout)) {
      this.#options.signal?.throwIfAborted();
      const problem = await this.#blobProblem(blobPath(layout, digest), digest);
      if (problem !== undefined) this.#add({ kind: 'damaged', repository, subject: digest, problem });
    }
    for (const algorithm of await namesIn(join(layout, 'blobs'))) {
      const folder = join(layout, 'blobs', algorithm);
      for (const name of await namesIn(folder)) {
        if (isDigest(`${algorithm}:${name}`)) continue;
        this.#add({ kind: 'stray', repository, subject: join(folder, name), problem: 'is no blob' });
      }
    }
  }

  async #blobProblem(path: string, digest: Digest): Promise<string | undefined> {
    const seen = await lookAt(path);
    if (seen === undefined) return undefined;
    if (!seen.isFile()) return 'is not a regular file';
    if (this.#read.has(seen.ino)) return this.#read.get(seen.ino);
    const { hasher, size } = await hashFile(path, computableAlgorithm(digest));
    const actual = hasher.digest();
    this.#counts.blobs++;
    this.#counts.bytes += size;
    // It was removed while it was read, or is another file now.
    if ((await lookAt(path))?.ino !== seen.ino) return undefined;
    const problem = actual === digest ? undefined : `its ${size} bytes have digest ${actual}`;
    this.#read.set(seen.ino, problem);
    return problem;
  }

  async #manifest(folder: RepositoryFolder, digest: Digest): Promise<void> {
    this.#options.signal?.throwIfAborted();
    this.#counts.manifests++;
    const { sparse = false } = this.#options;
    await this.#found('damaged', folder, digest, async () => {
      const manifest = await readManifest(folder, digest);
      return typeof manifest === 'string' ? manifest : undefined;
    });
    const manifest = await readManifest(folder, digest);
    if (manifest === undefined || typeof manifest === 'string') return;
    const needed = sparse ? [] : neededBlobs(manifest.body);
    for (const blob of needed) {
      await this.#found('missing', folder, digest, async () => {
        const there = (await folder.blobSize(blob.digest)) ?? (await gone(folder, digest));
        if (there === undefined) return `names blob ${blob.digest}, which is not there`;
        if (typeof there === 'number' && there !== blob.size) {
          return `names blob ${blob.digest} of ${blob.size} bytes, which has ${there}`;
        }
        return undefined;
      });
    }
    // Children may be missing; those that are there must be there as manifests.
    for (const child of manifestsOf(manifest.body)) {
      await this.#found('missing', folder, digest, async () => {
        if ((await folder.blobSize(child.digest)) === undefined || !child.mediaType.includes('manifest'))
          return undefined;
        const listed = (await folder.hasManifest(child.digest)) || (await gone(folder, digest)) !== undefined;
        return listed ? undefined : `names manifest ${child.digest}, which is there as a blob only`;
      });
    }
    const subject = subjectOf(manifest);
    if (subject === undefined) return;
    await this.#found('missing', folder, digest, async () => {
      const listed = (await lookAt(folder.referrerPath(subject, digest))) ?? (await gone(folder, digest));
      return listed === undefined ? `is not listed among the referrers of ${subject}` : undefined;
    });
  }

  async #referrers(folder: RepositoryFolder): Promise<void> {
    const all = join(folder.state, 'referrers');
    for (const name of await namesIn(all)) {
      const subject = digestOfFile(name);
      if (subject === undefined) {
        this.#add({
          kind: 'stray',
          repository: folder.name,
          subject: join(all, name),
          problem: 'is no subject',
        });
        continue;
      }
      for (const digest of await folder.referrers(subject)) {
        // One that is not there was being put, or deleted, when the server was killed: nobody sees it.
        await this.#found('stray', folder, digest, async () => {
          const manifest = await readManifest(folder, digest);
          if (manifest === undefined || typeof manifest === 'string') return undefined;
          return subjectOf(manifest) === subject
            ? undefined
            : `is listed as a referrer of ${subject}, and is none`;
        });
      }
    }
  }

  async #strays(folder: RepositoryFolder, path: string, belongs: (name: string) => boolean): Promise<void> {
    for (const name of await namesIn(path)) {
      if (belongs(name)) continue;
      const subject = join(path, name);
      await this.#found('stray', folder, subject, async () =>
        (await lookAt(subject)) === undefined ? undefined : 'is none of its files',
      );
    }
  }

  /** Twice: beside a server the first look may have fallen into the middle of a change. */
  async #found(
    kind: Finding['kind'],
    { name }: RepositoryFolder,
    subject: string,
    look: () => Promise<string | undefined>,
  ): Promise<void> {
    if ((await look()) === undefined) return;
    const problem = await look();
    if (problem !== undefined) this.#add({ kind, repository: name, subject, problem });
  }

  #add({
    repository,
    ...finding
  }: Finding | (Omit<Finding, 'repository'> & { repository: string | undefined })): void {
    const subject = finding.subject.startsWith(this.#root)
      ? finding.subject.slice(this.#root.length + 1)
      : finding.subject;
    this.#findings.push({ ...finding, subject, ...(repository === undefined ? {} : { repository }) });
  }
}

async function tagProblem(folder: RepositoryFolder, tag: string): Promise<string | undefined> {
  const digest = await folder.tag(tag);
  if (digest === undefined) {
    return (await lookAt(folder.tagPath(tag))) === undefined ? undefined : 'its file names no digest';
  }
  return (await folder.manifest(digest)) === undefined ? `leads to ${digest}, which is not there` : undefined;
}

/** What is wrong with it, as text; undefined for one that is not there any more. */
async function readManifest(
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Manifest | string | undefined> {
  const descriptor = await folder.manifest(digest);
  if (descriptor === undefined) {
    return (await folder.hasManifest(digest))
      ? 'is listed as a manifest, and its bytes are not there'
      : undefined;
  }
  try {
    const source = blobFileContent(folder.layout, descriptor).open();
    const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
    return parseManifest(bytes, { digest, mediaType: descriptor.mediaType });
  } catch (error) {
    if (isGantryError(error, 'BLOB_UNKNOWN')) return undefined;
    if (isGantryError(error)) return error.message;
    throw error;
  }
}

/** Something, if the manifest that was read is not there any more: what it named may have gone with it. */
async function gone(folder: RepositoryFolder, digest: Digest): Promise<'gone' | undefined> {
  return (await folder.hasManifest(digest)) ? undefined : 'gone';
}
