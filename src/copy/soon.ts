/**
 * Returns the answer to a pending question if it comes within this many milliseconds; undefined if it is late or the
 * question fails. The question itself continues.
 */
export function soon<T>(question: Promise<T>, milliseconds: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    // A busy process runs its timers before it reads an answer that has arrived in time.
    let late = setTimeout(() => {
      late = setTimeout(() => resolve(undefined), 0);
    }, milliseconds);
    const settle = (answer?: T): void => {
      clearTimeout(late);
      resolve(answer);
    };
    question.then(settle, () => settle());
  });
}
