import { type AcquireOptions, createSemaphore, type LateOptions } from '../flow/semaphore.ts';

/**
 * A readers-writer lock: shared tasks run together, and an exclusive task runs alone, in the order of the calls. A
 * waiting caller gives up with its signal.
 */
export interface RwLock {
  shared<T>(task: () => Promise<T>, options?: AcquireOptions): Promise<T>;
  exclusive<T>(task: () => Promise<T>, options?: AcquireOptions): Promise<T>;
}

/** More tasks than any process runs. */
const all = 2 ** 31;

export function createRwLock(options: LateOptions = {}): RwLock {
  const semaphore = createSemaphore(all, options);
  const holding = async <T>(weight: number, task: () => Promise<T>, waiting?: AcquireOptions): Promise<T> => {
    const permit = await semaphore.acquire(weight, waiting);
    try {
      return await task();
    } finally {
      permit.release();
    }
  };
  return {
    shared: (task, waiting) => holding(1, task, waiting),
    exclusive: (task, waiting) => holding(all, task, waiting),
  };
}
