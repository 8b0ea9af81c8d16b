import { TransportError } from '../errors.ts';
import type { Clock } from '../time/clock.ts';
import { unlessAborted } from './abort.ts';
import { lastResort, within } from './within.ts';

/** Work that several callers wait for. */
export interface SharedWork<T> {
  /** Returns the result. Rejects with the signal's reason, while the work continues for the others. */
  wait(signal?: AbortSignal): Promise<T>;
  /** True if the work was aborted because no caller waited any more. A new caller has to start it anew. */
  isAbandoned(): boolean;
}

export interface SharedWorkOptions {
  /**
   * Milliseconds that the work may take. `Infinity` is for work that always ends, such as reading a file.
   * @defaultValue 15 minutes, so that no caller waits for ever
   */
  readonly limit?: number | undefined;
  /** The source of time, for tests. */
  readonly clock?: Clock | undefined;
}

/**
 * Starts the work. Its signal aborts when all callers have left, and at the limit, when they all fail with TIMED_OUT.
 */
export function shareWork<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { limit = lastResort, clock }: SharedWorkOptions = {},
): SharedWork<T> {
  const abort = new AbortController();
  let waiting = 0;
  let isDone = false;
  const tooLate = (): TransportError => {
    const error = new TransportError('TIMED_OUT', `nothing answered within ${limit / 1000} s`);
    abort.abort(error);
    return error;
  };
  // Work that ignores its abort is left behind. Waiting for it would keep the process alive until the limit.
  const result = within(unlessAborted(work(abort.signal), abort.signal), limit, tooLate, clock).finally(
    () => {
      isDone = true;
    },
  );
  // A caller that has left gets no error.
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
