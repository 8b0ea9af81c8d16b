import { copyImage } from '../copy/copy.ts';
import { isGantryError } from '../errors.ts';
import { createPool } from '../flow/pool.ts';
import type { Digest } from '../spec/digest.ts';
import { isTag } from '../spec/reference.ts';
import { isReferrersTag } from '../spec/referrers-tag.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { type CopyPlaceOptions, refuseToReplace } from './copy.ts';
import { toRepository } from './place.ts';
import { createWatch } from './watch.ts';

/** A tag that was copied, or is there already. */
export interface CopiedTag {
  readonly tag: string;
  readonly digest: Digest;
  /** `kept`: it was there and was not to be moved. */
  readonly outcome: 'copied' | 'kept';
}

/** A name among the tags that can't be a tag: Artifactory lists digests there. It was passed over. */
export interface SkippedName {
  readonly tag: string;
  readonly outcome: 'skipped';
}

/** Tags that are copied at once; their blobs share the host's limits anyway. */
const tagsAtOnce = 16;

/** How many times that, done or not, may be ahead of what was yielded. */
const ahead = 2;

/** A destination that has more tags is asked for each: its whole list could take longer than the copies. */
const maxListed = 1000;

/**
 * Copies every tag of a repository, several at a time, and passes over names that can't be tags. Yields each as it is done; the first failure ends it, and what
 * was yielded by then is at the destination.
 */
export async function* copyTags(
  connections: Connections,
  sourceName: string,
  destinationName: string,
  { noClobber = false, replace = false, noWait: ___, onWait: ____, ...options }: CopyPlaceOptions = {},
): AsyncIterable<CopiedTag | SkippedName> {
  const from = toRepository(sourceName);
  const to = toRepository(destinationName);
  if (replace) refuseToReplace({ kind: 'registry', reference: to });
  const end = new AbortController();
  const signal = options.signal === undefined ? end.signal : AbortSignal.any([options.signal, end.signal]);
  const watch = createWatch({ ...options, signal });
  const mount = from.registry === to.registry && from.repository !== to.repository;
  const mountFrom = mount ? { mountFrom: from.repository } : {};
  const source = connections.repository(from, { actions: ['pull'] });
  const destination = connections.repository(to, {
    actions: ['pull', 'push'],
    ...(mount ? { mountFrom: [from.repository] } : {}),
  });

  const listed = noClobber ? undefined : listTags(destination, { signal });
  listed?.catch(() => undefined);

  const copyTag = async (tag: string): Promise<CopiedTag | SkippedName> => {
    if (!isTag(tag)) return { tag, outcome: 'skipped' };
    const kept = noClobber ? await destination.manifests.resolve(tag, { signal }) : undefined;
    if (kept !== undefined) return { tag, digest: kept.digest, outcome: 'kept' };
    const tagsAreNew = noClobber || (await listed)?.has(tag) === false;
    const { digest } = await copyImage(source, tag, destination, {
      ...options,
      ...mountFrom,
      ...watch.part(),
      tags: [tag],
      tagsAreNew,
    });
    return { tag, digest, outcome: 'copied' };
  };
  const running: Promise<CopiedTag | SkippedName>[] = [];
  let failure: unknown;
  try {
    // With the referrers their lists come by themselves, in the destination's own way.
    const wanted = (tag: string): boolean => !(options.referrers === true && isReferrersTag(tag));
    yield* inOrder(source, copyTag, running, { jobs: options.jobs ?? tagsAtOnce, wanted, signal });
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    end.abort();
    await Promise.allSettled([listed, ...running]);
    watch.end(failure);
  }
}

/** The tags that a repository has; undefined where there are many, or it doesn't say. */
async function listTags(
  { tags }: Repository,
  { signal }: SignalOptions,
): Promise<ReadonlySet<string> | undefined> {
  const found = new Set<string>();
  try {
    for await (const tag of tags.list({ signal })) {
      found.add(tag);
      if (found.size === maxListed) return undefined;
    }
    return found;
  } catch (error) {
    signal?.throwIfAborted();
    if (!isGantryError(error)) throw error;
    // A repository that isn't there has no tags.
    return error.code === 'NAME_UNKNOWN' ? found : undefined;
  }
}

/** Has `jobs` copies under way, also while the one that is waited for takes longer than those behind it. */
async function* inOrder(
  source: Repository,
  copyTag: (tag: string) => Promise<CopiedTag | SkippedName>,
  running: Promise<CopiedTag | SkippedName>[],
  {
    jobs,
    wanted,
    signal,
  }: {
    readonly jobs: number;
    readonly wanted: (tag: string) => boolean;
    readonly signal: AbortSignal;
  },
): AsyncIterable<CopiedTag | SkippedName> {
  const pool = createPool(jobs);
  for await (const tag of source.tags.list({ signal })) {
    if (!wanted(tag)) continue;
    const copy = pool.run(() => copyTag(tag), { signal });
    copy.catch(() => undefined);
    running.push(copy);
    if (running.length >= jobs * ahead) yield* first(running);
  }
  while (running.length > 0) yield* first(running);
}

async function* first(running: Promise<CopiedTag | SkippedName>[]): AsyncIterable<CopiedTag | SkippedName> {
  const copy = running.shift();
  if (copy !== undefined) yield await copy;
}
