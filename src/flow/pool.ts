import { createSemaphore } from './semaphore.ts';

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
 *
 * A pool belongs to one call, or its tasks end by themselves: a task waits for its place as long as the others take.
 */
export function createPool(jobs?: number): Pool {
  const semaphore = createSemaphore(jobs ?? capacity, { patience: Number.POSITIVE_INFINITY });
  const weightOf = (size: number = reckoned.most): number =>
    jobs === undefined ? Math.max(reckoned.least, Math.min(size, reckoned.most)) : 1;
  return {
    async run(task, { size, signal } = {}) {
      const permit = await semaphore.acquire(weightOf(size), { signal });
      try {
        return await task();
      } finally {
        permit.release();
      }
    },
  };
}
