/**
 * How much work goes on at once. A task holds a place while it moves bytes and never while it waits for
 * tasks of its own: that would be a deadlock as soon as the pool is full of waiters.
 */
export interface Pool {
  readonly jobs: number;
  /** Runs the task when there is a place for it, first come first served. Rejects with the signal's reason while it waits. */
  run<T>(task: () => Promise<T>, options?: { readonly signal?: AbortSignal }): Promise<T>;
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
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        waiting.splice(waiting.indexOf(enter), 1);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
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

/**
 * Runs `task` for every item at once and waits for all of them. The first failure aborts the others through the
 * signal that each gets, and is thrown when the last has ended: nothing goes on behind the caller's back.
 */
export async function together<T>(
  items: Iterable<T>,
  task: (item: T, signal: AbortSignal) => Promise<void>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const abort = new AbortController();
  const linked = signal === undefined ? abort.signal : AbortSignal.any([signal, abort.signal]);
  let failure: { readonly error: unknown } | undefined;
  await Promise.all(
    Array.from(items, async (item) => {
      try {
        await task(item, linked);
      } catch (error) {
        failure ??= { error };
        abort.abort(error);
      }
    }),
  );
  if (failure !== undefined) throw failure.error;
}
