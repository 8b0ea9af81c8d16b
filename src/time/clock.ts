/** The time, as far as the code depends on it: a test brings its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `wake` after so many milliseconds, unless the returned function is called before. */
  after(milliseconds: number, wake: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after(milliseconds, wake) {
    const timer = setTimeout(wake, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** As `systemClock`, with timers that keep no process from ending: for showing that something else goes on. */
export const unheldClock: Clock = {
  now: Date.now,
  after(milliseconds, wake) {
    const timer = setTimeout(wake, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};
