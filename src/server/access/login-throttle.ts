import { Lru } from '../../store/lru.ts';
import type { Clock } from '../../time/clock.ts';

/** Slows down who guesses passwords. */
export interface LoginThrottle {
  /** Milliseconds that earlier failures of the key cost the next attempt. */
  delay(key: string): number;
  failed(key: string): void;
  passed(key: string): void;
}

export interface LoginThrottleOptions {
  /** Failures that cost nothing: people mistype. */
  readonly free: number;
  readonly clock: Clock;
}

/** Milliseconds: of the first wait, which doubles with each failure up to the last. */
const firstWait = 250;
const longestWait = 4_000;
/** One failure is forgotten after as many milliseconds. */
const forgiving = 10_000;
/** Keys that are remembered; a guesser who changes them often makes us forget old ones, not run out of memory. */
const maxKeys = 10_000;
/** Beyond it a failure makes no difference. */
const maxFailures = 64;

interface Entry {
  failures: number;
  at: number;
}

export function createLoginThrottle({ free, clock }: LoginThrottleOptions): LoginThrottle {
  const entries = new Lru<Entry>(maxKeys);
  const current = (key: string): Entry => {
    const entry = entries.get(key) ?? { failures: 0, at: clock.now() };
    const forgotten = Math.floor((clock.now() - entry.at) / forgiving);
    if (forgotten > 0) {
      entry.failures = Math.max(0, entry.failures - forgotten);
      entry.at += forgotten * forgiving;
    }
    return entry;
  };
  return {
    delay(key) {
      const over = current(key).failures - free;
      return over < 0 ? 0 : Math.min(longestWait, firstWait * 2 ** over);
    },
    failed(key) {
      const entry = current(key);
      entry.failures = Math.min(maxFailures, entry.failures + 1);
      entries.set(key, entry);
    },
    passed(key) {
      entries.delete(key);
    },
  };
}
