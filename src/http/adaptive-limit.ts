import { onAbort } from '../flow/abort.ts';
import { type Clock, systemClock } from '../time/clock.ts';

/**
 * Limits the number of concurrent requests to one host. The limit starts at `most`. Each throttled answer halves it,
 * down to 1; each other answer raises it again, by about 1 for each round of answers.
 */
export interface AdaptiveLimit {
  /**
   * Waits for a free place, in the order of the calls. After five minutes the request goes ahead without a place: the
   * limit protects the host, and the requests that hold the places may themselves wait for this one. Rejects with the
   * signal's reason. The returned function gives the place back.
   */
  enter(signal?: AbortSignal): Promise<Release>;
}

/** `throttled`: the host reported overload. `undefined`: the outcome says nothing about the limit. */
export type Release = (outcome: 'answered' | 'throttled' | undefined) => void;

/** Milliseconds that a request waits for a place. */
const patience = 5 * 60_000;

export function createAdaptiveLimit(most: number, clock: Clock = systemClock): AdaptiveLimit {
  const waiting: (() => void)[] = [];
  let width = most;
  let running = 0;
  /** The number of halvings. A request that was sent before the last halving must not halve the limit again. */
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
      if (waiting.length === 0 && running < Math.floor(width)) {
        running++;
        return Promise.resolve(ticket());
      }
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
        cancel = clock.after(patience, () => {
          waiting.splice(waiting.indexOf(enter), 1);
          running++;
          enter();
        });
      });
    },
  };
}
