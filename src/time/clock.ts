/** The source of time and timers. Tests pass their own clock. */
export interface Clock {
  /** Returns the milliseconds since 1970. */
  now(): number;
  /** Calls `wake` after the given milliseconds, unless the returned function is called first. */
  after(milliseconds: number, wake: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after(milliseconds, wake) {
    const timer = setTimeout(wake, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Like `systemClock`, but its timers do not keep the process alive. Meant for reports about work that goes on anyway.
 */
export const unheldClock: Clock = {
  now: Date.now,
  after(milliseconds, wake) {
    const timer = setTimeout(wake, milliseconds);
    // In a browser a timer is a number, and keeps nothing alive.
    if (typeof timer === 'object') timer.unref();
    return () => clearTimeout(timer);
  },
};

/**
 * Measures durations. `now` counts from the start of the process and never jumps with the clock of the machine; the timers do
 * not keep the process alive.
 */
export const steadyClock: Clock = { ...unheldClock, now: () => performance.now() };
