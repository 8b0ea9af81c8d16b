import type { AcquireOptions } from './semaphore.ts';
import { type Shared, type ShareOptions, share } from './share.ts';

/** Does the work for a key once, however many callers want its outcome at the same time. */
export interface SingleFlight<K, T> {
  /**
   * The outcome for the key: a kept one, that of the work under way, or that of `work`, which begins now. A caller gives up
   * with its signal, and the work goes on for the others; its own signal aborts when the last one has given up. A failure is
   * told to all who wait, and the next call begins anew.
   */
  run(key: K, work: (signal: AbortSignal) => Promise<T>, options?: AcquireOptions): Promise<T>;
  /** Calls from now on begin anew. */
  forget(key: K): void;
  clear(): void;
  /** Outcomes that are kept, and work under way. */
  size(): number;
}

export interface SingleFlightOptions extends ShareOptions {
  /** Whether outcomes are kept until they are forgotten. Default false: until they are there. Failures are never kept. */
  readonly keep?: boolean;
}

interface Flight<T> {
  shared?: Shared<T>;
  outcome?: Promise<T>;
}

export function createSingleFlight<K, T>({
  keep = false,
  ...options
}: SingleFlightOptions = {}): SingleFlight<K, T> {
  const flights = new Map<K, Flight<T>>();

  const begin = (key: K, work: (signal: AbortSignal) => Promise<T>): Shared<T> => {
    const flight: Flight<T> = {};
    const land = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    flights.set(key, flight);
    flight.shared = share(async (signal) => {
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
