import { unlessAborted } from './abort.ts';

/** Work that several wait for. */
export interface Shared<T> {
  /** Its result. Rejects with the signal's reason, and the work goes on for the others. */
  wait(signal?: AbortSignal): Promise<T>;
  /** Whether it was ended because nobody waited for it any more: who comes now has to begin anew. */
  isAbandoned(): boolean;
}

/** Begins the work; its signal aborts when everybody who waited has given up. */
export function share<T>(work: (signal: AbortSignal) => Promise<T>): Shared<T> {
  const abort = new AbortController();
  let waiting = 0;
  let isDone = false;
  const result = work(abort.signal).finally(() => {
    isDone = true;
  });
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
