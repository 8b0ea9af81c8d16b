import type { CopyEvent, CopyObserver } from '../copy/events.ts';
import type { Work, WorkProgress } from '../flow/work.ts';
import type { SignalOptions } from '../store/contract.ts';

/** The observer and the signal of a verb. */
export interface WatchOptions extends SignalOptions {
  readonly onEvent?: CopyObserver | undefined;
}

/** The events of one verb for its observer, over all copies that the verb makes. */
export interface Watch {
  /** Returns the options for one more copy. Its figures add to those of the others; its end does not end the whole. */
  part(): WatchOptions;
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

type Amounts = Pick<WorkProgress, 'done' | 'total'>;

const none: Amounts = { done: 0, total: 0 };
const nothing = { moved: 0, complete: 0, sent: 0, total: 0 };

export function createWatch({ onEvent, signal }: WatchOptions): Watch {
  if (onEvent === undefined) return { part: () => ({ signal }), end: () => undefined };
  const failed = new AbortController();
  const whole = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const tell = unhurried(onEvent, (error) => failed.abort(error));
  let figures = nothing;
  const works = new Map<Work, Amounts>();

  const observePart = (): CopyObserver => {
    let last = nothing;
    const own = new Map<Work, Amounts>();
    return (event) => {
      if (event.kind === 'work') {
        const { work, done, total } = event;
        const sum = works.get(work) ?? none;
        const before = own.get(work) ?? none;
        works.set(work, { done: sum.done + done - before.done, total: sum.total + total - before.total });
        own.set(work, { done, total });
        return tell({ kind: 'work', work, ...(works.get(work) ?? none) });
      }
      if (event.kind !== 'progress' && event.kind !== 'end') return tell(event);
      const { moved, complete, sent, total } = event;
      figures = {
        moved: figures.moved + moved - last.moved,
        complete: figures.complete + complete - last.complete,
        sent: figures.sent + sent - last.sent,
        total: figures.total + total - last.total,
      };
      last = { moved, complete, sent, total };
      if (event.kind === 'progress') tell({ kind: 'progress', ...figures });
    };
  };
  return {
    part: () => ({ onEvent: observePart(), signal: whole }),
    end(error) {
      tell({ kind: 'end', ...figures, ...(error === undefined ? {} : { error }) });
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
