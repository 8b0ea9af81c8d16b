import { createMutex, type Mutex } from '../flow/mutex.ts';
import type { Digest } from '../spec/digest.ts';
import { Lru } from '../store/lru.ts';
import type { Clock } from '../time/clock.ts';
import { type Arrivals, createArrivals } from './upload/recent-writes.ts';

/** What a registry has shown of itself in the life of this process, so that nothing is asked twice. */
export interface Learned {
  /** Whether a mount without a source is understood: an answer of 201 or 202 says so. */
  anonymousMounts?: boolean;
  /** Whether one has succeeded: the next blob, too, may cost no bytes. */
  mountsFromAnywhere?: boolean;
  /** Whether one PUT sets several tags. */
  tagParameters?: boolean;
  /** Whether it lists referrers itself, so that nobody has to keep the fallback tag. */
  referrersApi?: boolean;
  /** Whether tokens for several repositories are refused because of those that are to be mounted from. */
  ownScopesOnly?: boolean;
  /** Repositories in which a blob was just seen. */
  readonly holders: Holders;
  readonly arrivals: Arrivals;
  /** Of those who find out whether it lists referrers. */
  readonly probing: Mutex;
  readonly ownMounts: OwnMounts;
}

/** What is known of mounts of a blob from the very repository that it is for. */
interface OwnMounts {
  /** Blobs that were sent to the registry, and the last of them. */
  sent: number;
  last?: { readonly repository: string; readonly digest: Digest };
  /** Whether such a mount tells that the blob is there, and begins its upload if it isn't. `undefined`: not found out. */
  tell?: boolean;
}

export interface Holders {
  note(digest: Digest, repository: string): void;
  /** The newest first, few: each is a request when it turns out to be wrong. */
  of(digest: Digest): readonly string[];
}

/** Enough for the largest repository copied tag by tag */
const maxDigests = 20_000;
const maxHolders = 2;

export function createLearned(clock?: Clock): Learned {
  const holders = new Lru<readonly string[]>(maxDigests);
  return {
    arrivals: createArrivals(clock),
    probing: createMutex({ clock }),
    ownMounts: { sent: 0 },
    holders: {
      note(digest, repository) {
        const known = holders.get(digest) ?? [];
        holders.set(
          digest,
          [repository, ...known.filter((name) => name !== repository)].slice(0, maxHolders),
        );
      },
      of: (digest) => holders.get(digest) ?? [],
    },
  };
}
