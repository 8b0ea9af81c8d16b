import type { Descriptor } from '../spec/descriptor.ts';
import type { ProgressObserver } from '../store/blob-progress.ts';
import type { WriteOutcome } from '../store/contract.ts';
import type { CopyObserver } from './events.ts';

/** Sums up the blobs of one copy and notifies the observer of each change. */
export interface Tally {
  /** Adds the blob to the total and returns the observers of its transfer. */
  begin(descriptor: Descriptor): BlobTally;
  /** Ends with success. Also counts blobs that were not needed, because the manifest above them existed. */
  finish(): void;
  /** Ends with an error and the figures so far. */
  fail(error: unknown): void;
}

export interface BlobTally {
  readonly onProgress: ProgressObserver;
  /** Reports the bytes that an intermediate cache has stored. */
  readonly onKept: (bytes: number) => void;
  /** Ends the blob and returns the outcome. */
  settle<T extends WriteOutcome | 'skipped'>(outcome: T): T;
}

export function createTally(observe: CopyObserver): Tally {
  let moved = 0;
  let complete = 0;
  let sent = 0;
  let total = 0;
  const tell = (): void => {
    observe({ kind: 'progress', moved, complete, sent, total });
  };

  return {
    begin(descriptor) {
      const { size } = descriptor;
      const own = { sent: 0, acknowledged: 0, moved: 0 };
      const move = (to: number): void => {
        // Other code detects a source that yields too much.
        const reached = Math.min(size, Math.max(own.moved, to));
        moved += reached - own.moved;
        own.moved = reached;
      };
      total += size;
      tell();
      return {
        onProgress(progress) {
          // A retry starts its own count again, so only the growth since then is new.
          sent += progress.sent >= own.sent ? progress.sent - own.sent : progress.sent;
          own.sent = progress.sent;
          complete += Math.max(0, progress.acknowledged - own.acknowledged);
          own.acknowledged = Math.max(own.acknowledged, progress.acknowledged);
          move(progress.moved);
          tell();
        },
        onKept(bytes) {
          move(bytes);
          tell();
        },
        settle(outcome) {
          complete += size - own.acknowledged;
          own.acknowledged = size;
          move(size);
          observe({ kind: 'blob', descriptor, outcome });
          tell();
          return outcome;
        },
      };
    },
    finish() {
      if (complete !== total) {
        complete = total;
        moved = total;
        tell();
      }
      observe({ kind: 'end', moved, complete, sent, total });
    },
    fail(error) {
      observe({ kind: 'end', moved, complete, sent, total, error });
    },
  };
}
