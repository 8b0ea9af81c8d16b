import type { WorkProgress } from '../flow/work.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { WriteOutcome } from '../store/contract.ts';

/** What a copy tells its one observer. */
export type CopyEvent =
  | {
      readonly kind: 'blob';
      readonly descriptor: Descriptor;
      /** `skipped`: a layer that may not be distributed and was not asked for. */
      readonly outcome: WriteOutcome | 'skipped';
    }
  | {
      readonly kind: 'manifest';
      readonly descriptor: Descriptor;
      readonly outcome: 'existed' | 'written';
      readonly tags: readonly string[];
    }
  | CopyProgress
  /** Beside the figures of the copy: what is done before there is anything to move, and after. */
  | WorkProgress
  | CopyEnd;

/** Bytes of blobs, each digest counted once in the whole tree. `moved` of `total` is the figure for a bar. */
export interface CopyProgress {
  readonly kind: 'progress';
  /**
   * Gone out at least once, or into a cache on the way, or there already: what a retry sends again counts once. Never goes
   * back, and is `total` when the copy has succeeded.
   */
  readonly moved: number;
  /**
   * Known to be at the destination, however they came there; never goes back. A registry may say so at the end of a blob
   * only: what is `moved` and not `complete`, it has yet to store.
   */
  readonly complete: number;
  /** Handed to the destination's transport; what a retry sends again counts again. */
  readonly sent: number;
  /** Of all blobs found so far: it grows while an index is being read. */
  readonly total: number;
}

/** The last event of every copy, with what it came to; `error` if it failed. */
export interface CopyEnd extends Omit<CopyProgress, 'kind'> {
  readonly kind: 'end';
  readonly error?: unknown;
}

/**
 * Called with each event as it happens. The verbs of a client wait for nobody: an observer that answers a promise gets the
 * next event when that has settled, of the progress in between only the newest, and the end in any case; one that throws
 * ends the verb with what it threw. `copyImage` itself calls it and goes on: there it should note the event and return.
 */
export type CopyObserver = (event: CopyEvent) => unknown;
