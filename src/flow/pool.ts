import { onAbort } from './abort.ts';

/**
 * How much work goes on at once. A task holds a place while it moves bytes and never while it waits for
 * tasks of its own: that would be a deadlock as soon as the pool is full of waiters.
 */
export interface Pool {
  readonly jobs: number;
  /** Runs the task when there is a place for it, first come first served. Rejects with the signal's reason while it waits. */
  run<T>(task: () => Promise<T>, options?: { readonly signal?: AbortSignal | undefined }): Promise<T>;
}

export function createPool(jobs: number): Pool {
  const waiting: (() => void)[] = [];
  let running = 0;

  const place = (signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    if (running < jobs) {
      running++;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        release();
        resolve();
      };
      const release = onAbort(signal, () => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal?.reason);
      });
      waiting.push(enter);
    });
  };

  const free = (): void => {
    // The place is handed over, not given back: a newcomer can't slip in before those who wait.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };

  return {
    jobs,
    async run(task, { signal } = {}) {
      await place(signal);
      try {
        return await task();
      } finally {
        free();
      }
    },
  };
}
