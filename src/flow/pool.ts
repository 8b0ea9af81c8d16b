import { createSemaphore } from './semaphore.ts';

/**
 * Limits concurrent work. A task holds a place while it moves bytes, and never while it waits for tasks of its own: a
 * pool full of such waiters would deadlock.
 */
export interface Pool {
  /**
   * Runs the task when a place is free, in the order of the calls. Rejects with the signal's reason if it aborts before
   * that.
   */
  run<T>(task: () => Promise<T>, options?: PlaceOptions): Promise<T>;
}

/** The needs of one task. */
export interface PlaceOptions {
  /**
   * Bytes that the task moves.
   * @defaultValue the size of a large task
   */
  readonly size?: number | undefined;
  /** Aborts the wait for a place. */
  readonly signal?: AbortSignal | undefined;
}

const mebibyte = 1024 * 1024;
/** Bytes in progress at once, by their weights: 8 large blobs or 128 small ones. */
const capacity = 64 * mebibyte;
/**
 * The limits of a task's weight. Even a small task costs a request and a connection, and of a large blob only a part is
 * in memory.
 */
const reckoned = { least: mebibyte / 2, most: 8 * mebibyte };

/**
 * Makes a pool of `jobs` places. Without `jobs`, the sizes decide: many small tasks, since they mostly wait for
 * answers, and few large ones, since these share bandwidth and memory.
 *
 * A pool belongs to one call, or its tasks end by themselves, since a task waits for its place without a limit.
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
