/** The upstream's silence, as long as it is taken to last: what is kept is answered meanwhile without asking. */
export interface Silence {
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
