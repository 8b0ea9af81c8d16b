import { createPool } from '../../flow/pool.ts';
import { amount, callback, checkOptions, type Shape } from '../../spec/options.ts';
import type { Registry, Repository } from '../contract.ts';
import { readOnlyRepository } from '../read-only.ts';
import { openBlobs } from './blobs.ts';
import { openManifests } from './manifests.ts';
import { createQuestions } from './questions.ts';
import { createSilence } from './silence.ts';
import { createSizes } from './sizes.ts';
import { listedOrKept, type Shared } from './source.ts';
import { createSeenTags } from './tags.ts';
import type { UpstreamFailure } from './upstream.ts';

export interface PullThroughOptions {
  /** Milliseconds for which the upstream is not asked again what a tag stands for. Default 0: it always is. */
  readonly ttl?: number;
  /**
   * Milliseconds that the upstream gets to say what a tag stands for, where something is kept to answer with; when it was
   * silent, it is not asked again for as long. Default 10 s: a network that drops everything would take minutes.
   */
  readonly patience?: number;
  /** The name that the upstream has for a repository, and the cache, too: Docker Hub's `alpine` is `library/alpine`. Default: the same. */
  readonly rename?: (name: string) => string;
  /** Told of every failure of the upstream, also where what is kept was answered in its place. */
  readonly onFailure?: (failure: UpstreamFailure) => void;
  /** The time in milliseconds. Default: those of `performance.now`, which never jump. */
  readonly now?: () => number;
}

const shape: Shape<PullThroughOptions> = {
  ttl: amount,
  patience: amount,
  rename: callback,
  onFailure: callback,
  now: callback,
};

/** A cache in use. Disposing ends what is being fetched; upstream and cache stay open. */
export interface PullThrough extends Registry, AsyncDisposable {}

/** More blobs are not fetched at once: each takes a connection, a buffer and an open file. */
const maxFetches = 64;
const defaultPatience = 10_000;

/**
 * The upstream, read by way of a cache: what a digest names is asked for once, what a tag stands for every time, with a HEAD.
 * Where the upstream can't be asked, what is kept is answered. Nothing can be written. Throws DENIED where the upstream refuses
 * the cache, and NO_CONNECTION, its kin or UNEXPECTED_ANSWER for what only the upstream would know.
 */
export function createPullThrough(
  upstream: Registry,
  cache: Registry,
  options: PullThroughOptions = {},
): PullThrough {
  checkOptions('createPullThrough', options, shape);
  const { ttl = 0, patience = defaultPatience, now = () => performance.now() } = options;
  const { rename = (name) => name, onFailure = () => undefined } = options;
  const end = new AbortController();
  const shared: Shared = {
    resolving: createQuestions(end.signal),
    getting: createQuestions(end.signal),
    fetches: new Map(),
    pool: createPool(maxFetches),
    tags: createSeenTags(ttl, now),
    sizes: createSizes(),
    silence: createSilence(patience, now),
    stop: end.signal,
    onFailure,
  };
  return {
    repository: (name) => openRepository(name, rename(name), { upstream, cache }, shared),
    repositories: (listing) => cache.repositories(listing),
    async [Symbol.asyncDispose]() {
      end.abort();
      await Promise.all([...shared.fetches.values()].map(({ settled }) => settled));
    },
  };
}

interface Ends {
  readonly upstream: Registry;
  readonly cache: Registry;
}

function openRepository(name: string, inside: string, ends: Ends, shared: Shared): Repository {
  const upstream = ends.upstream.repository(inside, { actions: ['pull'] });
  const cache = ends.cache.repository(inside);
  const source = { ...shared, name: inside, upstream, cache };
  return readOnlyRepository({
    name,
    blobs: openBlobs(source),
    manifests: openManifests(source),
    tags: {
      list: (listing) =>
        listedOrKept(source, `tags of ${inside}`, upstream.tags.list(listing), cache.tags.list(listing)),
    },
    referrers: (subject, listing) =>
      listedOrKept(
        source,
        `referrers of ${inside} ${subject}`,
        upstream.referrers(subject, listing),
        cache.referrers(subject, listing),
      ),
  });
}
