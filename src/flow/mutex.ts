import { TransportError } from '../errors.ts';
import { type AcquireOptions, createSemaphore, type LateOptions } from './semaphore.ts';
import { lastResort } from './within.ts';

/**
 * Runs tasks one at a time, in the order of the calls. A failing task does not stop the next. A waiting caller leaves
 * with its signal without harm to the others. A long task calls `moved` as it progresses.
 */
export type Mutex = <T>(task: (moved: () => void) => Promise<T>, options?: AcquireOptions) => Promise<T>;

/**
 * With `tooLate`, a silent task keeps the others out and they finally fail; without it they run beside the silent task.
 */
export function createMutex(options: LateOptions = {}): Mutex {
  const semaphore = createSemaphore(1, options);
  return async (task, waiting) => {
    const permit = await semaphore.acquire(1, waiting);
    try {
      return await task(permit.moved);
    } finally {
      permit.release();
    }
  };
}

/** A mutex per key. A key without a caller takes no memory. */
export type KeyedMutex = <T>(
  key: string,
  task: (moved: () => void) => Promise<T>,
  options?: AcquireOptions,
) => Promise<T>;

export function createKeyedMutex(options: LateOptions = {}): KeyedMutex {
  const keys = new Map<string, { readonly mutex: Mutex; users: number }>();
  return async (key, task, waiting) => {
    const own = keys.get(key) ?? { mutex: createMutex(options), users: 0 };
    keys.set(key, own);
    own.users++;
    try {
      return await own.mutex(task, waiting);
    } finally {
      if (--own.users === 0) keys.delete(key);
    }
  };
}

/**
 * Options for tasks that never overlap: a caller that has waited too long fails with TIMED_OUT. The first argument
 * names the thing in the error.
 */
export function strictMutex(
  what: string,
  { patience = lastResort, ...options }: LateOptions = {},
): LateOptions {
  const tooLate = (): TransportError =>
    new TransportError(
      'TIMED_OUT',
      `${what} is in use by a call of this process that has not moved for ${patience / 1000} s; end it or try again later`,
    );
  return { ...options, patience, tooLate };
}
