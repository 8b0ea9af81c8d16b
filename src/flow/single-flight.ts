import type { AcquireOptions } from './semaphore.ts';
import { type SharedWork, type SharedWorkOptions, shareWork } from './shared-work.ts';

/** Does the work for a key once for all callers that want its outcome at the same time. */
export interface SingleFlight<K, T> {
  /**
   * Returns the outcome for the key: a kept one, that of the running work, or that of `work`, which starts now. A
   * caller leaves with its signal and the work continues for the others; the work's own signal aborts when the last
   * caller has left. An error reaches all waiting callers, and the next call starts anew.
   */
  run(key: K, work: (signal: AbortSignal) => Promise<T>, options?: AcquireOptions): Promise<T>;
  /** Makes the next call for the key start anew. */
  forget(key: K): void;
  /** Makes the next call for every key start anew. */
  clear(): void;
  /** The number of kept outcomes and of running work. */
  size(): number;
}

export interface SingleFlightOptions extends SharedWorkOptions {
  /**
   * Keeps outcomes until they are forgotten. Errors are never kept.
   * @defaultValue false: only while the work runs
   */
  readonly keep?: boolean | undefined;
}

interface Flight<T> {
  shared?: SharedWork<T>;
  outcome?: Promise<T>;
}

export function createSingleFlight<K, T>({
  keep = false,
  ...options
}: SingleFlightOptions = {}): SingleFlight<K, T> {
  const flights = new Map<K, Flight<T>>();

  const begin = (key: K, work: (signal: AbortSignal) => Promise<T>): SharedWork<T> => {
    const flight: Flight<T> = {};
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    flights.set(key, flight);
    flight.shared = shareWork(async (signal) => {
      try {
        const outcome = await work(signal);
        if (keep) flight.outcome = Promise.resolve(outcome);
        else land();
        return outcome;
      } catch (error) {
        land();
        throw error;
      }
    }, options);
    return flight.shared;
  };

  return {
    async run(key, work, { signal } = {}) {
      signal?.throwIfAborted();
      const flight = flights.get(key);
      if (flight?.outcome !== undefined) return flight.outcome;
      const shared = flight?.shared;
      const joined = shared === undefined || shared.isAbandoned() ? begin(key, work) : shared;
      return joined.wait(signal);
    },
    forget: (key) => void flights.delete(key),
    clear: () => flights.clear(),
    size: () => flights.size,
  };
}
