import { ResponseError } from '../../errors.ts';
import { Lru } from '../../store/lru.ts';
import type { AccessClock } from './clock.ts';

/** Slows down who guesses passwords. */
export interface Brake {
  /** Waits as long as earlier failures of the key make it. Throws TOOMANYREQUESTS when too many wait already. */
  wait(key: string): Promise<void>;
  failed(key: string): void;
  passed(key: string): void;
}

export interface BrakeOptions {
  /** Failures that cost nothing: people mistype. */
  readonly free: number;
  readonly clock: AccessClock;
}

/** Milliseconds: of the first wait, which doubles with each failure up to the last. */
const firstWait = 250;
const longestWait = 4_000;
/** One failure is forgotten after as many milliseconds. */
const forgiving = 10_000;
/** Attempts that wait for one key: so many guesses in `longestWait`, and a right password is never far behind. */
const maxWaiting = 16;
/** Keys that are remembered; a guesser who changes them often makes us forget old ones, not run out of memory. */
const maxKeys = 10_000;
/** Beyond it a failure makes no difference. */
const maxFailures = 64;

interface Entry {
  failures: number;
  at: number;
  waiting: number;
}

export function createBrake({ free, clock }: BrakeOptions): Brake {
  const entries = new Lru<Entry>(maxKeys);
  const current = (key: string): Entry => {
    const entry = entries.get(key) ?? { failures: 0, at: clock.now(), waiting: 0 };
    const forgotten = Math.floor((clock.now() - entry.at) / forgiving);
    if (forgotten > 0) {
      entry.failures = Math.max(0, entry.failures - forgotten);
      entry.at += forgotten * forgiving;
    }
    return entry;
  };
  return {
    async wait(key) {
      const entry = current(key);
      const over = entry.failures - free;
      if (over < 0) return;
      if (entry.waiting >= maxWaiting) {
        throw new ResponseError('TOOMANYREQUESTS', 'too many failed logins, try again later');
      }
      entry.waiting++;
      try {
        await clock.sleep(Math.min(longestWait, firstWait * 2 ** over));
      } finally {
        entry.waiting--;
      }
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
