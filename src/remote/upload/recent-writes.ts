import { createKeyedMutex } from '../../flow/mutex.ts';
import type { Digest } from '../../spec/digest.ts';
import type { SignalOptions, WriteOutcome } from '../../store/contract.ts';
import { Lru } from '../../store/lru.ts';
import { type Clock, unheldClock } from '../../time/clock.ts';

/** What was just written where, or is on its way there: images that share layers neither send nor ask for one twice. */
export interface Arrivals {
  /**
   * Does the write, unless the blob is known to be there; one that is under way is waited for, and repeated if it fails or
   * calls `moved` no more for 15 minutes.
   */
  write(
    repository: string,
    digest: Digest,
    write: (moved: () => void) => Promise<WriteOutcome>,
    options?: SignalOptions,
  ): Promise<WriteOutcome>;
  /** Of one blob, or of all that the repository was given: it says that one is missing. */
  forget(repository: string, digest?: Digest): void;
}

/** Milliseconds that a blob is believed to be there still. Nobody's clean-up removes what is that young. */
const believed = 60_000;
/** Enough for the largest repository copied tag by tag */
const maxRemembered = 20_000;

export function createArrivals(clock: Clock = unheldClock): Arrivals {
  const mutex = createKeyedMutex({ clock });
  const arrived = new Lru<number>(maxRemembered);

  return {
    async write(repository, digest, write, { signal } = {}) {
      const key = `${repository}@${digest}`;
      const unlessThere = async (moved: () => void): Promise<WriteOutcome> => {
        if (clock.now() - (arrived.get(key) ?? Number.NEGATIVE_INFINITY) < believed) return 'existed';
        const outcome = await write(moved);
        arrived.set(key, clock.now());
        return outcome;
      };
      return mutex(key, unlessThere, { signal });
    },
    forget(repository, digest) {
      if (digest !== undefined) arrived.delete(`${repository}@${digest}`);
      else for (const key of arrived.keys()) if (key.startsWith(`${repository}@`)) arrived.delete(key);
    },
  };
}
