/** Places that many holders want, of which no holder can take all. */
export interface Shares {
  /** Places that are taken. */
  readonly count: () => number;
  /** Takes a place; the answer gives it back. Undefined where the holder has its share, or all are taken. */
  take(owner: string | undefined): (() => void) | undefined;
}

/**
 * A holder gets a place while it has fewer than are free: alone it takes half of them, two take a third each, and whoever
 * comes next still finds one. `undefined` is nobody in particular, and has no share but all.
 */
export function createShares(total: number): Shares {
  const held = createKeyedCount();
  return {
    count: held.count,
    take(owner) {
      if (held.of(owner) >= total - held.count()) return undefined;
      held.add(owner, 1);
      let taken = true;
      return () => {
        if (taken) held.add(owner, -1);
        taken = false;
      };
    },
  };
}

/** How many each key has; one that has none takes no memory. */
export interface KeyedCount {
  readonly count: () => number;
  readonly of: (key: string | undefined) => number;
  readonly add: (key: string | undefined, change: 1 | -1) => void;
}

/** What is counted for `undefined` counts in the whole alone. */
export function createKeyedCount(): KeyedCount {
  const sums = new Map<string, number>();
  let count = 0;
  return {
    count: () => count,
    of: (key) => (key === undefined ? 0 : (sums.get(key) ?? 0)),
    add(key, change) {
      count += change;
      if (key === undefined) return;
      const sum = (sums.get(key) ?? 0) + change;
      if (sum === 0) sums.delete(key);
      else sums.set(key, sum);
    },
  };
}
