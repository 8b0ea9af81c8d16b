import { createKeyedMutex } from '../../flow/mutex.ts';
import type { Digest } from '../../spec/digest.ts';
import type { SignalOptions, WriteOutcome } from '../../store/contract.ts';
import { Lru } from '../../store/lru.ts';
import { type Clock, unheldClock } from '../../time/clock.ts';

/** The blobs that were written to a registry a moment ago, or are on their way there: images share layers. */
export interface RecentWrites {
  /**
   * Does the write, unless the blob was written in the last minute. Waits for a running write of the same blob, and
   * writes itself if that one fails or does not call `moved` for 15 minutes.
   */
  write(
    repository: string,
    digest: Digest,
    write: (moved: () => void) => Promise<WriteOutcome>,
    options?: SignalOptions,
  ): Promise<WriteOutcome>;
  /** Forgets one blob of the repository, or all of them after the registry has reported that one is missing. */
  forget(repository: string, digest?: Digest): void;
}

/** Milliseconds during which a written blob counts as existing. No clean-up of a registry removes a blob so young. */
const believed = 60_000;
/** Enough for the largest repository copied tag by tag. */
const maxRemembered = 20_000;

export function createRecentWrites(clock: Clock = unheldClock): RecentWrites {
  const mutex = createKeyedMutex({ clock });
  const written = new Lru<number>(maxRemembered);

  return {
    async write(repository, digest, write, { signal } = {}) {
      const key = `${repository}@${digest}`;
      const unlessRecent = async (moved: () => void): Promise<WriteOutcome> => {
        if (clock.now() - (written.get(key) ?? Number.NEGATIVE_INFINITY) < believed) return 'existed';
        const outcome = await write(moved);
        written.set(key, clock.now());
        return outcome;
      };
      return mutex(key, unlessRecent, { signal });
    },
    forget(repository, digest) {
      if (digest !== undefined) written.delete(`${repository}@${digest}`);
      else for (const key of written.keys()) if (key.startsWith(`${repository}@`)) written.delete(key);
    },
  };
}
