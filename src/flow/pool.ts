import { onAbort } from './abort.ts';

/**
 * How much work goes on at once. A task holds a place while it moves bytes and never while it waits for
 * tasks of its own: that would be a deadlock as soon as the pool is full of waiters.
 */
export interface Pool {
  /** Runs the task when there is a place for it, first come first served. Rejects with the signal's reason while it waits. */
  run<T>(task: () => Promise<T>, options?: PlaceOptions): Promise<T>;
}

export interface PlaceOptions {
  /** Bytes that the task moves. Default: as many as make it a large one. */
  readonly size?: number;
  readonly signal?: AbortSignal | undefined;
}

const mebibyte = 1024 * 1024;
/** Bytes under way at once, as they are reckoned: 8 large blobs, or 128 small ones. */
const capacity = 64 * mebibyte;
/** A request and its connection cost something however few its bytes are, and of a large blob only a part is ever here. */
const reckoned = { least: mebibyte / 2, most: 8 * mebibyte };

/**
 * With `jobs`, as many tasks at once as that. Without, by their sizes: many that are small, since they wait for answers
 * most of the time, and few that are large, since these share the line and the memory.
 */
export function createPool(jobs?: number): Pool {
  const room = jobs ?? capacity;
  const weightOf = (size: number = reckoned.most): number =>
    jobs === undefined ? Math.max(reckoned.least, Math.min(size, reckoned.most)) : 1;
  const waiting: { readonly weight: number; readonly enter: () => void }[] = [];
  let taken = 0;

  const letIn = (): void => {
    for (let [next] = waiting; next !== undefined && taken + next.weight <= room; [next] = waiting) {
      waiting.shift();
      taken += next.weight;
      next.enter();
    }
  };

  const place = (weight: number, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        release();
        resolve();
      };
      const waiter = { weight, enter };
      const release = onAbort(signal, () => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(signal?.reason);
        // It may have been what stood in the way of smaller ones.
        letIn();
      });
      waiting.push(waiter);
      letIn();
    });
  };

  return {
    async run(task, { size, signal } = {}) {
      const weight = weightOf(size);
      await place(weight, signal);
      try {
        return await task();
      } finally {
        taken -= weight;
        letIn();
      }
    },
  };
}
