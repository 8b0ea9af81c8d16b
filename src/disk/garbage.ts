import { join, resolve } from 'node:path';
import { blobPath } from '../blobfile/blob-file.ts';
import { isGantryError, StorageError } from '../errors.ts';
import { lookAt, makeFolder } from '../files/files.ts';
import { takeLock } from '../files/lock.ts';
import type { Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { Reachability } from '../store/reachability.ts';
import { asideAge, oldAside, removeAside } from './aside.ts';
import { digestOfFile } from './file-names.ts';
import { digestsUnder, fileNamesIn, namesUnder, RepositoryFolder } from './folder.ts';
import { writeIndex } from './index-writer.ts';
import { referencesOf } from './references.ts';
import { emptyTrash, putAside, removeIfOld, removeOrReturn } from './removal.ts';
import { moveIfThere, trashFolder, trashPath } from './trash.ts';
import { mustBeStore } from './version.ts';

export interface GarbageOptions extends SignalOptions {
  /** Whether the collection only lists the garbage and removes nothing. Default false. */
  readonly dryRun?: boolean | undefined;
  /**
   * Milliseconds that a file stays after it was last pushed or mounted, even without a reference. Default 24 hours.
   */
  readonly grace?: number | undefined;
  /**
   * Whether to remove also the manifests that no tag reaches, except referrers of manifests that stay. Default false.
   */
  readonly untagged?: boolean | undefined;
  /**
   * Called for each file that could not be read, written or removed. The collection keeps the content that may depend
   * on the file, and goes on.
   */
  readonly onProblem?: ((problem: GarbageProblem) => void) | undefined;
}

interface GarbageProblem {
  readonly repository?: string;
  readonly error: unknown;
}

/** Something that was removed, or that a dry run would remove. */
export type Garbage =
  | {
      /**
       * `blob`: the name of a blob in one repository; `content`: the bytes, once no repository has a name for them.
       */
      readonly kind: 'manifest' | 'blob' | 'content';
      readonly repository?: string;
      readonly digest: Digest;
      readonly size: number;
    }
  | {
      /** A thing that stood in the place of a file of the store and was moved to `aside/` more than 30 days ago. */
      readonly kind: 'aside';
      readonly path: string;
      readonly size: number;
    };

type ContentGarbage = Exclude<Garbage, { readonly kind: 'aside' }>;

const day = 24 * 60 * 60 * 1000;

/**
 * Removes unreferenced content, and yields each item after its removal. Safe beside a server that has the store open:
 * the collection puts a file aside, looks again at everything that could need the file, and only then removes it. A
 * reader that misses the file meanwhile takes it back. Throws IN_USE beside another collection, IO_FAILED for a
 * folder that is no store.
 */
export async function* collectGarbage(root: string, options: GarbageOptions = {}): AsyncIterable<Garbage> {
  const path = resolve(root);
  await mustBeStore(path);
  const lock = await takeLock(join(path, '.gantry.gc.lock'), {
    signal: options.signal,
    what: `the garbage of ${path}`,
  });
  try {
    const { grace = day, dryRun = false, onProblem = () => undefined } = options;
    // Content that is pushed from now on is not garbage of this collection.
    const rules: Rules = { ...options, onProblem, dryRun, before: Date.now() - grace };
    const repositories = join(path, 'repositories');
    /** The number of names of each blob that a dry run would have removed before it comes to the pool. */
    const doomed = new Map<Digest, number>();
    const unlisted = (_: string, error: unknown): void => tell(error, undefined, rules);
    for await (const name of namesUnder(repositories, unlisted)) {
      options.signal?.throwIfAborted();
      for await (const garbage of collectRepository(new RepositoryFolder(repositories, name), rules)) {
        if (dryRun && garbage.kind === 'blob')
          doomed.set(garbage.digest, (doomed.get(garbage.digest) ?? 0) + 1);
        yield garbage;
      }
    }
    yield* passingOver(collectPool(path, rules, doomed), undefined, rules);
    yield* passingOver(collectAside(path, rules), undefined, rules);
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

interface Rules extends GarbageOptions {
  readonly dryRun: boolean;
  /** A file that was last used at this time or later stays. */
  readonly before: number;
  readonly onProblem: (problem: GarbageProblem) => void;
}

async function* collectRepository(folder: RepositoryFolder, rules: Rules): AsyncIterable<ContentGarbage> {
  // Puts the files back that a killed collection left aside.
  for (const kind of ['blobs', 'manifests'] as const)
    await step(folder, rules, () => emptyTrash(folder, kind));
  const reachable = new Reachability(referencesOf(folder));
  const gone = new Set<Digest>();
  if (rules.untagged === true) {
    for await (const garbage of passingOver(collectManifests(folder, reachable, rules), folder.name, rules)) {
      gone.add(garbage.digest);
      yield garbage;
    }
  }
  if (!rules.dryRun) await step(folder, rules, () => collectReferrers(folder, rules));
  const without: ReadonlySet<Digest> = rules.dryRun ? gone : new Set();
  yield* passingOver(collectBlobs(folder, reachable, rules, without), folder.name, rules);
  // The index may not fit on a full disk. The collection goes on then.
  if (gone.size > 0 && !rules.dryRun) await step(folder, rules, () => writeIndex(folder));
}

async function step({ name }: RepositoryFolder, rules: Rules, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    tell(error, name, rules);
  }
}

/**
 * Yields the items of the source until it fails, and reports the failure. The other repositories are collected
 * anyway.
 */
async function* passingOver<T>(
  source: AsyncIterable<T>,
  repository: string | undefined,
  rules: Rules,
): AsyncIterable<T> {
  try {
    yield* source;
  } catch (error) {
    tell(error, repository, rules);
  }
}

function tell(error: unknown, repository: string | undefined, { signal, onProblem }: Rules): void {
  signal?.throwIfAborted();
  if (!isGantryError(error)) throw error;
  onProblem({ error, ...(repository === undefined ? {} : { repository }) });
}

async function* collectManifests(
  folder: RepositoryFolder,
  reachable: Reachability,
  rules: Rules,
): AsyncIterable<ContentGarbage> {
  const all = await folder.manifests();
  const kept = await reachable.reachedByTags(all);
  const candidates = await old(
    all.filter((digest) => !kept.has(digest)),
    (digest) => folder.manifestPath(digest),
    rules,
  );
  const aside = await putAside(folder, 'manifests', candidates, rules);
  // Looks again, now that readers cannot find the manifests without taking them back.
  const needed = rules.dryRun
    ? kept
    : await reachable.reachedByTags([...(await folder.manifests()), ...aside]);
  for (const digest of aside) {
    const size = (await lookAt(folder.blobPath(digest)))?.size ?? 0;
    if (!rules.dryRun && !(await removeOrReturn(folder, 'manifests', digest, needed, rules))) continue;
    yield { kind: 'manifest', repository: folder.name, digest, size };
  }
}

const asideEnd = '.aside';

/**
 * Removes entries of referrers that do not exist. No reader sees such an entry, and a put of the referrer writes it
 * again.
 */
async function collectReferrers(folder: RepositoryFolder, rules: Rules): Promise<void> {
  for (const name of await fileNamesIn(join(folder.state, 'referrers'))) {
    const subject = digestOfFile(name);
    if (subject === undefined) continue;
    const all = join(folder.state, 'referrers', name);
    for (const aside of (await fileNamesIn(all)).filter((file) => file.endsWith(asideEnd))) {
      await moveIfThere(join(all, aside), join(all, aside.slice(0, -asideEnd.length)));
    }
    for (const digest of await folder.referrers(subject)) {
      if (await folder.hasManifest(digest)) continue;
      const path = folder.referrerPath(subject, digest);
      await removeIfOld(path, `${path}${asideEnd}`, rules);
    }
  }
}

async function* collectBlobs(
  folder: RepositoryFolder,
  reachable: Reachability,
  rules: Rules,
  without: ReadonlySet<Digest>,
): AsyncIterable<ContentGarbage> {
  const held = await digestsUnder(folder.layout);
  const used = await reachable.neededBy((await folder.manifests()).filter((digest) => !without.has(digest)));
  // An unreadable manifest may need any blob.
  if (used === undefined) {
    const why =
      'a manifest cannot be read and may need any blob, so all blobs of the repository stay; "gantry registry check" names the manifest';
    tell(new StorageError('IO_FAILED', why, { path: folder.layout }), folder.name, rules);
    return;
  }
  const path = (digest: Digest): string => folder.blobPath(digest);
  const candidates = await old(
    held.filter((digest) => !used.has(digest)),
    path,
    rules,
  );
  const sizes = new Map<Digest, number>();
  for (const digest of candidates) sizes.set(digest, (await lookAt(path(digest)))?.size ?? 0);
  const aside = await putAside(folder, 'blobs', candidates, rules);
  const needed = rules.dryRun ? used : await reachable.neededBy(await folder.manifests());
  for (const digest of aside) {
    const removed = rules.dryRun || (await removeOrReturn(folder, 'blobs', digest, needed, rules));
    if (removed) yield { kind: 'blob', repository: folder.name, digest, size: sizes.get(digest) ?? 0 };
  }
}

/**
 * Removes the bytes that no repository has a name for. A name that is made meanwhile keeps them, without the name of
 * the pool.
 */
async function* collectPool(
  root: string,
  rules: Rules,
  doomed: ReadonlyMap<Digest, number>,
): AsyncIterable<ContentGarbage> {
  for (const file of await fileNamesIn(trashFolder(root, 'blobs'))) {
    const digest = digestOfFile(file);
    if (digest !== undefined) await moveIfThere(trashPath(root, 'blobs', digest), blobPath(root, digest));
  }
  for (const digest of await digestsUnder(root)) {
    const path = blobPath(root, digest);
    const seen = await lookAt(path);
    if (seen?.isFile() !== true || seen.mtimeMs >= rules.before) continue;
    if (seen.nlink - (doomed.get(digest) ?? 0) > 1) continue;
    if (!rules.dryRun) {
      await makeFolder(trashFolder(root, 'blobs'));
      if (!(await removeIfOld(path, trashPath(root, 'blobs', digest), rules))) continue;
    }
    yield { kind: 'content', digest, size: seen.size };
  }
}

async function* collectAside(root: string, rules: Rules): AsyncIterable<Garbage> {
  for await (const thing of oldAside(root, Date.now() - asideAge)) {
    rules.signal?.throwIfAborted();
    if (!rules.dryRun) await removeAside(thing);
    yield { kind: 'aside', ...thing };
  }
}

async function old(
  digests: readonly Digest[],
  path: (digest: Digest) => string,
  { before }: Rules,
): Promise<Digest[]> {
  const found: Digest[] = [];
  for (const digest of digests) {
    const seen = await lookAt(path(digest));
    // A folder or link in the place of a file is not removed.
    if (seen?.isFile() === true && seen.mtimeMs < before) found.push(digest);
  }
  return found;
}
