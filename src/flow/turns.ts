import { TransportError } from '../errors.ts';
import { type AcquireOptions, createSemaphore, type LateOptions } from './semaphore.ts';
import { lastResort } from './within.ts';

/**
 * Runs tasks one at a time, in the order of the calls; one that fails doesn't stop the next. A caller that waits for its
 * turn gives up with its signal, without harm to the others. A task calls `moved` as it gets on, where it may take long.
 */
export type Turns = <T>(task: (moved: () => void) => Promise<T>, options?: AcquireOptions) => Promise<T>;

/** With `tooLate` a silent task keeps the others out, and they are told so in the end; without it they run beside it. */
export function createTurns(options: LateOptions = {}): Turns {
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

/** Turns for each key of its own; a key that nobody waits for costs nothing. */
export type KeyedTurns = <T>(
  key: string,
  task: (moved: () => void) => Promise<T>,
  options?: AcquireOptions,
) => Promise<T>;

export function createKeyedTurns(options: LateOptions = {}): KeyedTurns {
  const keys = new Map<string, { readonly turns: Turns; users: number }>();
  return async (key, task, waiting) => {
    const own = keys.get(key) ?? { turns: createTurns(options), users: 0 };
    keys.set(key, own);
    own.users++;
    try {
      return await own.turns(task, waiting);
    } finally {
      if (--own.users === 0) keys.delete(key);
    }
  };
}

/** Turns that never overlap: a caller that has waited too long fails with TIMED_OUT. `what` names the thing in the error. */
export function strictTurns(
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
