/** Remembers that the upstream did not answer. For a while the cache answers without asking it. */
export interface Silence {
  /** Milliseconds that the cache waits for the upstream, and then stops asking. */
  /** Milliseconds. */
  readonly patience: number;
  lasts(): boolean;
  begin(): void;
}

export function createSilence(patience: number, now: () => number): Silence {
  let until = Number.NEGATIVE_INFINITY;
  return {
    patience,
    lasts: () => now() < until,
    begin: () => {
      until = now() + patience;
    },
  };
}
