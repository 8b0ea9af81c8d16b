import type { CopyEvent, CopyObserver } from '../copy/events.ts';
import { createLedger, type Ledger } from '../copy/ledger.ts';
import type { SignalOptions } from '../store/contract.ts';

/** The observer and the signal of a verb. */
export interface WatchOptions extends SignalOptions {
  readonly onEvent?: CopyObserver | undefined;
}

/** The progress of one verb, over all copies that the verb makes. */
export interface Watch {
  readonly ledger: Ledger;
  /** Also aborts when the observer fails. */
  readonly signal: AbortSignal | undefined;
  /** Sends the last event. Throws the observer's own error if the verb has succeeded otherwise. */
  end(error?: unknown): void;
}

/** Runs a verb and tells its observer the end, also when no copy begins. */
export async function watching<T>(options: WatchOptions, verb: (watch: Watch) => Promise<T>): Promise<T> {
  const watch = createWatch(options);
  let outcome: T;
  try {
    outcome = await verb(watch);
  } catch (error) {
    watch.end(error);
    throw error;
  }
  watch.end();
  return outcome;
}

export function createWatch({ onEvent, signal }: WatchOptions): Watch {
  if (onEvent === undefined) return { ledger: createLedger(), signal, end: () => undefined };
  const failed = new AbortController();
  const whole = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const ledger = createLedger(unhurried(onEvent, (error) => failed.abort(error)));
  return {
    ledger,
    signal: whole,
    end(error) {
      ledger.end(error);
      if (error === undefined) failed.signal.throwIfAborted();
    },
  };
}

/** Returns whether the new event replaces the old one. */
function isReplaced(old: CopyEvent, event: CopyEvent): boolean {
  if (event.kind === 'work') return old.kind === 'work' && old.work === event.work;
  return event.kind === 'progress' && old.kind === 'progress';
}

/**
 * Calls the observer without waiting for it. While a promise that it returned is pending, events queue up, of the progress
 * only the newest. `fail` receives its errors.
 */
function unhurried(observe: CopyObserver, fail: (error: unknown) => void): (event: CopyEvent) => void {
  const waiting: CopyEvent[] = [];
  let busy = false;
  const next = (): void => {
    for (let event = waiting.shift(); event !== undefined; event = busy ? undefined : waiting.shift()) {
      try {
        const answer = observe(event);
        if (!(answer instanceof Promise)) continue;
        busy = true;
        void answer.catch(fail).then(() => {
          busy = false;
          next();
        });
      } catch (error) {
        fail(error);
      }
    }
  };
  return (event) => {
    const old = waiting.findIndex((one) => isReplaced(one, event));
    if (old !== -1) waiting.splice(old, 1);
    waiting.push(event);
    if (!busy) next();
  };
}
