import { isGantryError, NotFoundError } from '../errors.ts';
import type { Pool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import type { BlobFetch } from './fetch.ts';
import type { Questions } from './questions.ts';
import type { Silence } from './silence.ts';
import type { Sizes } from './sizes.ts';
import type { SeenTags } from './tags.ts';
import { isSilence, type UpstreamFailure, upstreamError } from './upstream.ts';

/** The state that all repositories of one cache share. */
export interface Shared {
  readonly resolving: Questions<Descriptor | undefined>;
  readonly getting: Questions<Manifest>;
  readonly fetches: Map<string, BlobFetch>;
  readonly pool: Pool;
  readonly tags: SeenTags;
  readonly sizes: Sizes;
  readonly silence: Silence;
  readonly stop: AbortSignal;
  readonly onFailure: (failure: UpstreamFailure) => void;
}

/** One repository in the upstream and in the cache. */
export interface ProxiedRepository extends Shared {
  /** The name in the upstream and in the cache. */
  readonly name: string;
  readonly upstream: Repository;
  readonly cache: Repository;
}

/** Returns the upstream's answer and converts its failures into those of the cache. */
export async function fromUpstream<T>(
  source: ProxiedRepository,
  what: string,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw failed(source, what, error);
  }
}

/**
 * Lists from the upstream, or from the cache while the upstream does not answer. A listing that has begun continues or
 * fails.
 */
export async function* listedOrKept<T>(
  source: ProxiedRepository,
  what: string,
  listed: AsyncIterable<T>,
  kept: AsyncIterable<T>,
): AsyncIterable<T> {
  let begun = false;
  let failure: unknown;
  try {
    for await (const item of listed) {
      begun = true;
      yield item;
    }
    return;
  } catch (error) {
    if (begun || !isSilence(error)) throw failed(source, what, error);
    failure = error;
  }
  try {
    yield* kept;
  } catch (error) {
    if (error instanceof NotFoundError) throw failed(source, what, failure);
    throw error;
  }
  source.onFailure({ what, error: failure, served: true });
}

/** Converts a failure into the error for clients. Reports it to `onFailure`, unless the content is only absent. */
export function failed(
  { onFailure }: Pick<ProxiedRepository, 'onFailure'>,
  what: string,
  error: unknown,
): unknown {
  if (isGantryError(error) && !(error instanceof NotFoundError)) onFailure({ what, error, served: false });
  return upstreamError(error, what);
}
