import { onAbort, unlessAborted } from '../flow/abort.ts';
import type { SharedWorkOptions } from '../flow/shared-work.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import type { SignalOptions } from '../store/contract.ts';

type Ask<T> = (options: SignalOptions) => Promise<T>;

/** Asks each question once for all callers that wait at the same time. */
export type Questions<T> = (key: string, ask: Ask<T>, options?: SignalOptions) => Promise<T>;

/**
 * Makes a shared questioner. A caller that aborts stops waiting, and the question continues for the others; `stop` ends
 * all questions. A question without an answer fails with TIMED_OUT, and the next caller asks it again.
 */
export function createQuestions<T>(stop: AbortSignal, options: SharedWorkOptions = {}): Questions<T> {
  const asked = createSingleFlight<string, T>(options);
  return async (key, ask, { signal } = {}) => {
    signal?.throwIfAborted();
    const question = async (ended: AbortSignal): Promise<T> => {
      const end = new AbortController();
      const releases = [stop, ended].map((signal) => onAbort(signal, () => end.abort(signal.reason)));
      try {
        // A question that ignores its abort is left behind.
        return await unlessAborted(ask({ signal: end.signal }), end.signal);
      } finally {
        for (const release of releases) release();
      }
    };
    const answer = asked.run(key, question, { signal });
    // Counts as a waiting caller, so that the question continues when the others leave.
    asked.run(key, question, { signal: stop }).catch(() => undefined);
    return answer;
  };
}
