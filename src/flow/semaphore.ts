import { type Clock, unheldClock } from '../time/clock.ts';
import { onAbort } from './abort.ts';
import { lastResort } from './within.ts';

/** Limits the total weight at one time. A caller waits until there is room, in the order of the calls. */
export interface Semaphore {
  /**
   * Resolves when there is room. While it waits, it rejects with the signal's reason, and with `tooLate()` if that is
   * given.
   */
  acquire(weight: number, options?: AcquireOptions): Promise<Permit>;
}

/** A share of the weight, from `acquire` until `release`. */
export interface Permit {
  /** Reports progress of the holder, so that the callers behind it continue to wait. */
  readonly moved: () => void;
  readonly release: () => void;
}

/** Settings of a wait. */
export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
}

/** The end of a wait behind silent holders. */
export interface LateOptions {
  /**
   * Milliseconds that a caller waits while no holder reports progress or ends; in effect up to twice as long.
   * `Infinity` waits as long as the holders take.
   * @defaultValue 15 minutes, which no healthy holder stays silent
   */
  readonly patience?: number | undefined;
  /** Makes the error for a caller that has waited too long. Without it the caller enters beside the silent holders. */
  readonly tooLate?: (() => unknown) | undefined;
  /** @defaultValue the clock of the system, with timers that do not keep the process alive */
  readonly clock?: Clock | undefined;
}

interface Waiter {
  readonly weight: number;
  readonly enter: () => void;
}

/** The state that the holders and the waiting callers share. */
interface State {
  readonly room: number;
  readonly waiting: Set<Waiter>;
  taken: number;
  /** Counts the holders' progress. An unchanged count means silence. */
  news: number;
}

export function createSemaphore(room: number, late: LateOptions = {}): Semaphore {
  const state: State = { room, waiting: new Set(), taken: 0, news: 0 };
  return {
    async acquire(weight, { signal } = {}) {
      signal?.throwIfAborted();
      if (state.waiting.size === 0 && state.taken + weight <= room) return permitOf(state, weight);
      return waitFor(state, weight, late, signal);
    },
  };
}

function letIn(state: State): void {
  for (const next of state.waiting) {
    if (state.taken + next.weight > state.room) return;
    next.enter();
  }
}

function permitOf(state: State, weight: number): Permit {
  let held = true;
  state.taken += weight;
  state.news++;
  return {
    moved: () => void state.news++,
    release: () => {
      if (!held) return;
      held = false;
      state.taken -= weight;
      state.news++;
      letIn(state);
    },
  };
}

function waitFor(
  state: State,
  weight: number,
  { patience = lastResort, tooLate, clock = unheldClock }: LateOptions,
  signal: AbortSignal | undefined,
): Promise<Permit> {
  return new Promise((resolve, reject) => {
    let cancel: (() => void) | undefined;
    const leave = (): void => {
      state.waiting.delete(waiter);
      forget();
      cancel?.();
    };
    const enter = (): void => {
      leave();
      resolve(permitOf(state, weight));
    };
    const fail = (error: unknown): void => {
      leave();
      reject(error);
      // It may have blocked smaller ones behind it.
      letIn(state);
    };
    const watch = (): void => {
      if (patience === Number.POSITIVE_INFINITY) return;
      const before = state.news;
      cancel = clock.after(patience, () => {
        if (state.news !== before) watch();
        else if (tooLate === undefined) enter();
        else fail(tooLate());
      });
    };
    const waiter = { weight, enter };
    state.waiting.add(waiter);
    const forget = onAbort(signal, () => fail(signal?.reason));
    watch();
  });
}
