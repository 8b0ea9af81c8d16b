import { Lru } from '../../store/lru.ts';
import type { Clock } from '../../time/clock.ts';

/** Delays the checks of repeatedly wrong passwords. */
export interface LoginThrottle {
  /** Returns the milliseconds by which earlier failures of the key delay the next attempt. */
  delay(key: string): number;
  failed(key: string): void;
  passed(key: string): void;
}

export interface LoginThrottleOptions {
  /** Number of failures without a delay, for typing errors. */
  readonly free: number;
  readonly clock: Clock;
}

/** Milliseconds of the first and the longest delay. The delay doubles with each failure. */
const firstWait = 250;
const longestWait = 4_000;
/** Milliseconds after which one failure is forgotten. */
const forgiving = 10_000;
/** Number of remembered keys. Many different keys displace old ones and cannot exhaust the memory. */
const maxKeys = 10_000;
/** Further failures do not increase the delay. */
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
