import { TransportError } from '../errors.ts';
import type { Clock } from '../time/clock.ts';
import { unlessAborted } from './abort.ts';
import { lastResort, within } from './within.ts';

/** Work that several wait for. */
export interface Shared<T> {
  /** Its result. Rejects with the signal's reason, and the work goes on for the others. */
  wait(signal?: AbortSignal): Promise<T>;
  /** Whether it was ended because nobody waited for it any more: who comes now has to begin anew. */
  isAbandoned(): boolean;
}

export interface ShareOptions {
  /**
   * Milliseconds that the work may take. Default 15 min: those who wait must not wait for ever. `Infinity` is for work that
   * ends by itself however long it takes, such as reading a file.
   */
  readonly limit?: number;
  readonly clock?: Clock;
}

/**
 * Begins the work; its signal aborts when everybody who waited has given up, and at its limit, when all are told TIMED_OUT.
 */
export function share<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { limit = lastResort, clock }: ShareOptions = {},
): Shared<T> {
  const abort = new AbortController();
  let waiting = 0;
  let isDone = false;
  const tooLate = (): TransportError => {
    const error = new TransportError('TIMED_OUT', `nothing answered within ${limit / 1000} s`);
    abort.abort(error);
    return error;
  };
  // Work that ignores its end is left behind: its limit would hold the process.
  const result = within(unlessAborted(work(abort.signal), abort.signal), limit, tooLate, clock).finally(
    () => {
      isDone = true;
    },
  );
  // Who gave up hears of no failure, and if all did nobody does.
  result.catch(() => undefined);
  return {
    async wait(signal) {
      waiting++;
      try {
        return await unlessAborted(result, signal);
      } finally {
        if (--waiting === 0 && !isDone) abort.abort();
      }
    },
    isAbandoned: () => abort.signal.aborted,
  };
}
