import type { WorkProgress } from '../flow/work.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { WriteOutcome } from '../store/contract.ts';

/** An event of a copy. */
export type CopyEvent =
  | {
      /** The kind of the event. */
      readonly kind: 'blob';
      /** The descriptor of the blob. */
      readonly descriptor: Descriptor;
      /** `skipped`: a layer that registries may not distribute, without `nondistributable`. */
      readonly outcome: WriteOutcome | 'skipped';
    }
  | {
      readonly kind: 'manifest';
      /** The descriptor of the manifest. */
      readonly descriptor: Descriptor;
      /** `existed`: the destination had it, with all content below. */
      readonly outcome: 'existed' | 'written';
      /** The tags that were set on it. */
      readonly tags: readonly string[];
    }
  | CopyProgress
  /** The progress of work before and after the transfer. */
  | WorkProgress
  | CopyEnd;

/**
 * The progress in bytes of blobs, each digest counted once in the whole tree. Progress bars show `moved` of `total`.
 */
export interface CopyProgress {
  readonly kind: 'progress';
  /**
   * Bytes that were sent at least once, went into a cache on the way, or were already there. Repeated bytes count once.
   * Never decreases, and equals `total` after success.
   */
  readonly moved: number;
  /**
   * Bytes that the destination has confirmed. Never decreases. Some registries confirm only at the end of a blob; the
   * difference to `moved` remains to be stored.
   */
  readonly complete: number;
  /** Bytes passed to the destination's transport, including those of repeated attempts. */
  readonly sent: number;
  /** Bytes of all blobs found so far. Grows while an index is being read. */
  readonly total: number;
}

/** The last event of every copy, with its final figures. */
export interface CopyEnd extends Omit<CopyProgress, 'kind'> {
  readonly kind: 'end';
  /** The error, if the copy failed. */
  readonly error?: unknown;
}

/**
 * Receives the events of a copy. The verbs of a client never wait for it: while an observer's promise is pending, only
 * the newest progress is kept, and the next event follows when the promise has settled; the end always follows. An
 * observer that throws ends the verb with its error. `copyImage` calls the observer and ignores the promise.
 */
export type CopyObserver = (event: CopyEvent) => unknown;
