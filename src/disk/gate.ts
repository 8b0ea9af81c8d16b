/** Lets many do what does them no harm together, and one at a time what has to be done alone, in the order of the calls. */
export interface Gate {
  shared<T>(task: () => Promise<T>): Promise<T>;
  alone<T>(task: () => Promise<T>): Promise<T>;
}

export function createGate(): Gate {
  let last: Promise<unknown> = Promise.resolve();
  const sharing = new Set<Promise<unknown>>();
  return {
    shared(task) {
      const run = last.then(task);
      const ended = run
        .catch(() => undefined)
        .finally(() => {
          sharing.delete(ended);
        });
      sharing.add(ended);
      return run;
    },
    alone(task) {
      const run = Promise.all([last, ...sharing]).then(task);
      last = run.catch(() => undefined);
      return run;
    },
  };
}
