import type { Clock } from '../time/clock.ts';
import { onAbort } from './abort.ts';

/** Waits. Rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(milliseconds, () => {
      release();
      resolve();
    });
    const release = onAbort(signal, () => {
      cancel();
      reject(signal?.reason);
    });
  });
}
