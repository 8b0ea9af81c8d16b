import { createPool } from '../flow/pool.ts';
import { amount, callback, checkArgument, checkOptions, type Shape } from '../spec/options.ts';
import { aRegistry } from '../store/checks.ts';
import type { Registry, Repository } from '../store/contract.ts';
import { readOnlyRepository } from '../store/read-only.ts';
import { openBlobs } from './blobs.ts';
import { openManifests } from './manifests.ts';
import { createQuestions } from './questions.ts';
import { createSilence } from './silence.ts';
import { createSizes } from './sizes.ts';
import { listedOrKept, type Shared } from './source.ts';
import { createSeenTags } from './tags.ts';
import type { UpstreamFailure } from './upstream.ts';

/** Settings of a pull-through cache. */
export interface PullThroughOptions {
  /**
   * Milliseconds during which the cache does not ask the upstream again for the target of a tag.
   * @defaultValue 0
   */
  readonly ttl?: number | undefined;
  /**
   * Milliseconds that the upstream has to answer for a tag with a cached answer. After a silence it is not asked again
   * for the same time. A network that drops all packets would otherwise cost minutes.
   * @defaultValue 10000
   */
  readonly patience?: number | undefined;
  /**
   * Maps a repository's name to its name in the upstream and the cache: Docker Hub's `alpine` is `library/alpine`.
   * @defaultValue the same name
   */
  readonly rename?: ((name: string) => string) | undefined;
  /** Called for every failure of the upstream, also when a cached answer was served instead. */
  readonly onFailure?: ((failure: UpstreamFailure) => void) | undefined;
  /**
   * Returns the time in milliseconds.
   * @defaultValue `performance.now`, which never jumps
   */
  readonly now?: (() => number) | undefined;
}

const shape: Shape<PullThroughOptions> = {
  ttl: amount,
  patience: amount,
  rename: callback,
  onFailure: callback,
  now: callback,
};

/** A pull-through cache. Disposing it ends the running fetches; the upstream and the cache stay open. */
export interface PullThrough extends Registry, AsyncDisposable {}

/** Limits concurrent fetches, since each takes a connection, a buffer and an open file. */
const maxFetches = 64;
const defaultPatience = 10_000;

/**
 * Makes a registry that reads an upstream through a cache. It fetches the content of a digest once and asks for a tag
 * every time, with a HEAD. It serves cached content while the upstream does not answer. It accepts no writes.
 * @throws DENIED when the upstream refuses the cache
 * @throws NO_CONNECTION, another TransportError code or UNEXPECTED_ANSWER for content that only the upstream has
 */
export function createPullThrough(
  upstream: Registry,
  cache: Registry,
  options: PullThroughOptions = {},
): PullThrough {
  checkArgument('createPullThrough', 'upstream', upstream, aRegistry);
  checkArgument('createPullThrough', 'cache', cache, aRegistry);
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
