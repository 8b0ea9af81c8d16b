import { type Clock, systemClock } from '../time/clock.ts';

/** What several wait for has to end at last, whoever answers. Far beyond what an answer takes that does come. */
export const lastResort: number = 15 * 60_000;

/**
 * The work's result; rejects with `error()` when it has not come after so many milliseconds, which `Infinity` never are. The
 * work goes on unheard.
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
