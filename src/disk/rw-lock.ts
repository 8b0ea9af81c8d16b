/** A readers-writer lock: many do together what does them no harm, one does alone what must be, in the order of the calls. */
export interface RwLock {
  shared<T>(task: () => Promise<T>): Promise<T>;
  exclusive<T>(task: () => Promise<T>): Promise<T>;
}

export function createRwLock(): RwLock {
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
    exclusive(task) {
      const run = Promise.all([last, ...sharing]).then(task);
      last = run.catch(() => undefined);
      return run;
    },
  };
}
