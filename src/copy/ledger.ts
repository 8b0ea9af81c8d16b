import { createWorkLedger, type WorkLedger } from '../flow/work.ts';
import type { CopyEvent, CopyObserver, CopyProgress } from './events.ts';

/** Bytes, as in `CopyProgress`. */
export type Figures = Omit<CopyProgress, 'kind'>;

/** The progress of one verb. Each change is added once, where it happens, and the observer receives the sums. */
export interface Ledger {
  /** Adds bytes to the figures. */
  add(change: Partial<Figures>): void;
  /** Passes an event without figures on. */
  tell(event: Extract<CopyEvent, { kind: 'blob' | 'manifest' }>): void;
  /** The work beside the transfer of blobs. */
  readonly works: WorkLedger;
  /** Sends the last event, with the final figures. */
  end(error?: unknown): void;
}

export function createLedger(observe: CopyObserver = () => undefined): Ledger {
  let figures: Figures = { moved: 0, complete: 0, sent: 0, total: 0 };
  return {
    add({ moved = 0, complete = 0, sent = 0, total = 0 }) {
      figures = {
        moved: figures.moved + moved,
        complete: figures.complete + complete,
        sent: figures.sent + sent,
        total: figures.total + total,
      };
      observe({ kind: 'progress', ...figures });
    },
    tell: (event) => void observe(event),
    works: createWorkLedger(observe),
    end: (error) => void observe({ kind: 'end', ...figures, ...(error === undefined ? {} : { error }) }),
  };
}
