import { lifeOf } from './holder.ts';
import type { LockFile } from './lock-file.ts';

/** The times of a lock's heartbeat, in milliseconds. */
export interface Rhythm {
  /** From one heartbeat to the next. */
  readonly beat: number;
  /** How long the file of a holder that can't be seen stays unchanged before another process takes the lock over. */
  readonly silence: number;
}

/** A host under load may be late by seconds; a container that starts again waits for as long as `silence`. */
export const usualRhythm: Rhythm = { beat: 2_000, silence: 10_000 };

/** `doubtful`: nothing was seen of the holder yet, neither its process nor a heartbeat. */
export type Verdict = 'alive' | 'dead' | 'doubtful';

/** Judges the holders of one lock file while somebody waits for it. */
export interface Judge {
  judge(seen: LockFile): Verdict;
}

/**
 * Compares what a file holds now and held before, and never its time with a clock: clocks of two hosts differ, and one
 * that is set anew jumps.
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
