/** What several wait for has to end at last, whoever answers. Far beyond what an answer takes that does come. */
export const lastResort: number = 15 * 60_000;

/** The work's result; rejects with `error()` when it has not come after so many milliseconds. The work goes on unheard. */
export function within<T>(work: Promise<T>, milliseconds: number, error: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(error()), milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
