/**
 * The answer to a question that is under way, if it comes within so many milliseconds: undefined where it is late, and where
 * the question fails. What it answers later is not lost, it is only not waited for.
 */
export function soon<T>(question: Promise<T>, milliseconds: number): Promise<T | undefined> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(undefined), milliseconds);
    const settle = (answer?: T): void => {
      clearTimeout(late);
      resolve(answer);
    };
    question.then(settle, () => settle());
  });
}
