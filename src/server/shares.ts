/** Places that are shared between owners, so that no owner can take all of them. */
export interface Shares {
  /** Returns the number of taken places. */
  readonly count: () => number;
  /**
   * Takes a place. The returned function releases it. Returns undefined when the owner has its share, or when no place
   * is free.
   */
  take(owner: string | undefined): (() => void) | undefined;
}

/**
 * An owner gets a place while it has fewer than are free: one owner alone gets half of them, two get a third each, and
 * the next one still finds a place. `undefined` stands for no particular owner and is limited only by the total.
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

/** Counts by key. A key with a count of 0 takes no memory. */
export interface KeyedCount {
  readonly count: () => number;
  readonly of: (key: string | undefined) => number;
  readonly add: (key: string | undefined, change: 1 | -1) => void;
}

/** A count for `undefined` changes only the total. */
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
