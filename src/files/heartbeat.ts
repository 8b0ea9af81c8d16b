import { lifeOf } from './holder.ts';
import type { LockFile } from './lock-file.ts';

/** The times of a lock's heartbeat, in milliseconds. */
export interface Rhythm {
  /** The time between two heartbeats. */
  readonly beat: number;
  /** The time without a heartbeat after which another process takes over the lock of an invisible holder. */
  readonly silence: number;
}

/** A holder under load may be late by seconds. A restarted container waits for `silence`. */
export const usualRhythm: Rhythm = { beat: 2_000, silence: 10_000 };

/** `doubtful`: neither the process of the holder nor a heartbeat has been seen yet. */
export type Verdict = 'alive' | 'dead' | 'doubtful';

/** Judges the holders of one lock file during a wait for it. */
export interface Judge {
  judge(seen: LockFile): Verdict;
}

/**
 * Compares the content of the file with its earlier content, and never its time with a clock: the clocks of two hosts
 * differ, and a clock that is set jumps.
 */
export function createJudge({ silence }: Rhythm): Judge {
  let last: { readonly pulse: string; readonly since: number } | undefined;
  let beaten = false;
  return {
    judge({ holder, pulse }) {
      const life = holder === undefined ? 'unseen' : lifeOf(holder);
      if (life !== 'unseen') return life === 'runs' ? 'alive' : 'dead';
      if (last?.pulse !== pulse) {
        beaten = last !== undefined;
        last = { pulse, since: performance.now() };
      } else if (performance.now() - last.since >= silence) {
        return 'dead';
      }
      return beaten ? 'alive' : 'doubtful';
    },
  };
}
