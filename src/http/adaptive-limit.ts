import { onAbort } from '../flow/abort.ts';
import { type Clock, systemClock } from '../time/clock.ts';

/**
 * How many requests a host gets at once: `most`, and half as many each time that it says it is too much, down to one. With
 * every answer after that it gets a little more again, about one more for each round of answers.
 */
export interface AdaptiveLimit {
  /**
   * Waits for a place, first come first served, and goes in without one after five minutes: places are kept for the host's
   * sake, and those who have them may themselves be waiting for this one. Rejects with the signal's reason. The answer gives
   * the place back.
   */
  enter(signal?: AbortSignal): Promise<Release>;
}

/** `throttled`: the host said that it was too much; `undefined`: nothing was learned. */
export type Release = (outcome: 'answered' | 'throttled' | undefined) => void;

/** Milliseconds. */
const patience = 5 * 60_000;

export function createAdaptiveLimit(most: number, clock: Clock = systemClock): AdaptiveLimit {
  const waiting: (() => void)[] = [];
  let width = most;
  let running = 0;
  /** Counts the halvings: what went out before the last one complains of what is over. */
  let era = 0;

  const letIn = (): void => {
    while (running < Math.floor(width)) {
      const next = waiting.shift();
      if (next === undefined) return;
      running++;
      next();
    }
  };
  const ticket = (): Release => {
    const entered = era;
    let left = false;
    return (outcome) => {
      if (left) return;
      left = true;
      running--;
      if (outcome === 'answered') width = Math.min(most, width + 1 / width);
      if (outcome === 'throttled' && entered === era) {
        width = Math.max(1, width / 2);
        era++;
      }
      letIn();
    };
  };

  return {
    enter(signal) {
      signal?.throwIfAborted();
      return new Promise((resolve, reject) => {
        let cancel: (() => void) | undefined;
        const enter = (): void => {
          release();
          cancel?.();
          resolve(ticket());
        };
        const release = onAbort(signal, () => {
          waiting.splice(waiting.indexOf(enter), 1);
          cancel?.();
          reject(signal?.reason);
        });
        waiting.push(enter);
        letIn();
        if (!waiting.includes(enter)) return;
        cancel = clock.after(patience, () => {
          waiting.splice(waiting.indexOf(enter), 1);
          running++;
          enter();
        });
      });
    },
  };
}
