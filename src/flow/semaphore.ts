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

export function createSemaphore(
  room: number,
  { patience = lastResort, tooLate, clock = unheldClock }: LateOptions = {},
): Semaphore {
  const waiting = new Set<Waiter>();
  let taken = 0;
  /** Counts the holders' progress. An unchanged count means silence. */
  let news = 0;

  const letIn = (): void => {
    for (const next of waiting) {
      if (taken + next.weight > room) return;
      next.enter();
    }
  };
  const permitOf = (weight: number): Permit => {
    let held = true;
    taken += weight;
    news++;
    return {
      moved: () => void news++,
      release: () => {
        if (!held) return;
        held = false;
        taken -= weight;
        news++;
        letIn();
      },
    };
  };

  return {
    async acquire(weight, { signal } = {}) {
      signal?.throwIfAborted();
      if (waiting.size === 0 && taken + weight <= room) return permitOf(weight);
      return new Promise((resolve, reject) => {
        let cancel: (() => void) | undefined;
        const leave = (): void => {
          waiting.delete(waiter);
          forget();
          cancel?.();
        };
        const enter = (): void => {
          leave();
          resolve(permitOf(weight));
        };
        const fail = (error: unknown): void => {
          leave();
          reject(error);
          // It may have blocked smaller ones behind it.
          letIn();
        };
        const watch = (): void => {
          if (patience === Number.POSITIVE_INFINITY) return;
          const before = news;
          cancel = clock.after(patience, () => {
            if (news !== before) watch();
            else if (tooLate === undefined) enter();
            else fail(tooLate());
          });
        };
        const waiter = { weight, enter };
        waiting.add(waiter);
        const forget = onAbort(signal, () => fail(signal?.reason));
        watch();
      });
    },
  };
}
