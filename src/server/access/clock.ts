import { onAbort } from '../../flow/abort.ts';

/** The time, as far as logins depend on it: a test brings its own. */
export interface AccessClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Ends with the signal's reason when it aborts; a clock may sleep on, and then nobody waits for it. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: AccessClock = {
  now: Date.now,
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        release();
        resolve();
      }, milliseconds);
      const release = onAbort(signal, () => {
        clearTimeout(timer);
        reject(signal?.reason);
      });
    }),
};
