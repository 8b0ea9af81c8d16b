import type { Clock } from './clock.ts';

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves the time on and calls the timers that are due, in their order, including timers that they set. */
  advance(milliseconds: number): Promise<void>;
  /** Resolves when a timer is set, with the milliseconds until the first one is due. */
  waiting(): Promise<number>;
  /** Returns the number of timers. */
  set(): number;
}

export function createManualClock(start = 0): ManualClock {
  let time = start;
  const timers = new Set<{ readonly at: number; readonly wake: () => void }>();
  const watchers: ((left: number) => void)[] = [];
  const first = (): { readonly at: number; readonly wake: () => void } | undefined =>
    [...timers].sort((a, b) => a.at - b.at)[0];

  return {
    now: () => time,
    set: () => timers.size,
    after(milliseconds, wake) {
      const timer = { at: time + milliseconds, wake };
      timers.add(timer);
      for (const watcher of watchers.splice(0)) watcher(milliseconds);
      return () => timers.delete(timer);
    },
    async advance(milliseconds) {
      const end = time + milliseconds;
      for (let next = first(); next !== undefined && next.at <= end; next = first()) {
        time = next.at;
        timers.delete(next);
        next.wake();
        // Gives the called functions the chance to set their next timer before the time moves on.
        await new Promise((resolve) => setImmediate(resolve));
      }
      time = end;
    },
    waiting() {
      const next = first();
      if (next !== undefined) return Promise.resolve(next.at - time);
      return new Promise((resolve) => watchers.push(resolve));
    },
  };
}

/**
 * Moves the clock to its next timer whenever nothing else happens. Returns the milliseconds that the work took. While `moves`
 * returns a new number, something happens.
 */
export async function timed(
  clock: ManualClock,
  work: Promise<unknown>,
  moves: () => number = () => 0,
): Promise<number> {
  const began = clock.now();
  const state = { isDone: false };
  const done = (): void => {
    state.isDone = true;
  };
  work.then(done, done);
  while (!state.isDone) {
    let seen = moves();
    for (let turn = 0; turn < 50 && !state.isDone; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (moves() === seen) continue;
      seen = moves();
      turn = 0;
    }
    if (!state.isDone && clock.set() > 0) await clock.advance(await clock.waiting());
  }
  await work;
  return clock.now() - began;
}
