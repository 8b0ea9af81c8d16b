import { copyCounted } from '../copy/copy.ts';
import { isGantryError } from '../errors.ts';
import { createPool } from '../flow/pool.ts';
import type { Digest } from '../spec/digest.ts';
import { isTag } from '../spec/reference.ts';
import { isReferrersTag } from '../spec/referrers-tag.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { type CopyPlaceOptions, refuseToReplace } from './copy.ts';
import { toRepository } from './place.ts';
import { fromRegistry } from './pull.ts';
import { createWatch } from './watch.ts';

/** A tag that gantry copied, or that the destination had already. */
export interface CopiedTag {
  /** The tag. */
  readonly tag: string;
  /** The digest of its manifest at the destination. */
  readonly digest: Digest;
  /** `kept`: with `noClobber`, the destination had the tag already. */
  readonly outcome: 'copied' | 'kept';
}

/** A name in the list of tags that cannot be a tag: Artifactory lists digests there. gantry skips it. */
export interface SkippedName {
  /** The name, as the registry lists it. */
  readonly tag: string;
  /** Tells the name apart from a copied tag. */
  readonly outcome: 'skipped';
}

/** The number of tags that are copied at once. Their blobs share the limits of the host anyway. */
const tagsAtOnce = 16;

/** The number of copies that may run ahead of the caller, as a multiple of the concurrent ones. */
const ahead = 2;

/** The longest list of tags that gantry reads from the destination. With more tags it asks for each one instead. */
const maxListed = 1000;

/**
 * Copies every tag of a repository, several at a time, and skips names that cannot be tags. Yields each tag when it is done.
 * The first failure ends it; tags yielded until then are at the destination.
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
    const isThere = (await listed)?.has(tag);
    const settings = {
      ...options,
      ...mountFrom,
      admit: fromRegistry(from, options.admit),
      signal: watch.signal,
      tags: [tag],
      tagsAreNew: noClobber || isThere === false,
      tagsAreThere: isThere === true,
    };
    const { digest } = await copyCounted(source, tag, destination, settings, watch);
    return { tag, digest, outcome: 'copied' };
  };
  const running: Promise<CopiedTag | SkippedName>[] = [];
  let failure: unknown;
  try {
    // The copy of the referrers makes their lists at the destination.
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

/** Lists the tags of a repository; undefined when there are too many or the registry refuses. */
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
    // A missing repository has no tags.
    return error.code === 'NAME_UNKNOWN' ? found : undefined;
  }
}

/** Keeps `jobs` copies running, also while the next one to yield takes longer than those behind it. */
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
