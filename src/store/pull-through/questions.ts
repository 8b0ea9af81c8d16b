import { onAbort, unlessAborted } from '../../flow/abort.ts';
import type { ShareOptions } from '../../flow/share.ts';
import { createSingleFlight } from '../../flow/single-flight.ts';
import type { SignalOptions } from '../contract.ts';

type Ask<T> = (options: SignalOptions) => Promise<T>;

/** Asks each question once, however many want the answer at the same time. */
export type Questions<T> = (key: string, ask: Ask<T>, options?: SignalOptions) => Promise<T>;

/**
 * A caller that goes away stops waiting, and the question stays for the others; `stop` ends them all. One that is never
 * answered is TIMED_OUT for those who wait, and is asked anew by the next.
 */
export function createQuestions<T>(stop: AbortSignal, options: ShareOptions = {}): Questions<T> {
  const asked = createSingleFlight<string, T>(options);
  return async (key, ask, { signal } = {}) => {
    signal?.throwIfAborted();
    const question = async (ended: AbortSignal): Promise<T> => {
      const end = new AbortController();
      const releases = [stop, ended].map((signal) => onAbort(signal, () => end.abort(signal.reason)));
      try {
        // A question that ignores its end is left behind.
        return await unlessAborted(ask({ signal: end.signal }), end.signal);
      } finally {
        for (const release of releases) release();
      }
    };
    const answer = asked.run(key, question, { signal });
    // Counts as one who waits, so that the question stays when the callers go away.
    asked.run(key, question, { signal: stop }).catch(() => undefined);
    return answer;
  };
}
