import { type Clock, systemClock } from '../time/clock.ts';

/**
 * Milliseconds after which a wait that several callers share ends, even if no answer comes. Far above the time of any
 * real answer.
 */
export const lastResort: number = 15 * 60_000;

/**
 * Returns the result of the work. Rejects with `error()` after this many milliseconds, or never with `Infinity`; the
 * work itself continues unobserved.
 */
export function within<T>(
  work: Promise<T>,
  milliseconds: number,
  error: () => unknown,
  clock: Clock = systemClock,
): Promise<T> {
  if (milliseconds === Number.POSITIVE_INFINITY) return work;
  return new Promise((resolve, reject) => {
    const cancel = clock.after(milliseconds, () => reject(error()));
    work.then(resolve, reject).finally(cancel);
  });
}
