import { type Clock, unheldClock } from '../time/clock.ts';
import { onAbort } from './abort.ts';
import { lastResort } from './within.ts';

/** Room for a limited weight at once. A caller for which there is none waits, first come first served. */
export interface Semaphore {
  /** Resolves when there is room. Rejects with the signal's reason while it waits, and with `tooLate()` where that is given. */
  acquire(weight: number, options?: AcquireOptions): Promise<Permit>;
}

/** A part of the room, from `acquire` until `release`. */
export interface Permit {
  /** The holder has come further, so the callers behind it go on waiting. */
  readonly moved: () => void;
  readonly release: () => void;
}

export interface AcquireOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface LateOptions {
  /**
   * Milliseconds that a caller waits while no holder moves or ends, at most twice as long. Default 15 min: no holder that
   * is well is silent for so long. `Infinity`: it waits as long as the holders take.
   */
  readonly patience?: number | undefined;
  /** Makes the error for a caller that has waited so long. Without it the caller goes in beside the silent holders. */
  readonly tooLate?: (() => unknown) | undefined;
  /** Default: the system's, with timers that keep no process from ending. */
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
  /** Counts what holders have done: the same count twice is silence. */
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
          // It may have stood in the way of smaller ones.
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
