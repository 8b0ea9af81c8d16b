import type { Descriptor } from '../spec/descriptor.ts';
import type { ProgressObserver, WriteOutcome } from '../store/contract.ts';
import type { CopyObserver } from './events.ts';

/** Adds up the blobs of one copy and tells the observer after each change. */
export interface Tally {
  /** Takes the blob into the total; answers the observer of its own transfer and how to settle it. */
  begin(descriptor: Descriptor): BlobTally;
  /** Everything is there: also what was found to be needless, because the manifest above it was there. */
  finish(): void;
  /** It failed, and this is how far it came. */
  fail(error: unknown): void;
}

export interface BlobTally {
  readonly onProgress: ProgressObserver;
  /** So many bytes of it have come to a place on the way. */
  readonly onKept: (bytes: number) => void;
  /** Answers the outcome. */
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
        // A source that gives too much is found out later.
        const reached = Math.min(size, Math.max(own.moved, to));
        moved += reached - own.moved;
        own.moved = reached;
      };
      total += size;
      tell();
      return {
        onProgress(progress) {
          // A retry starts its own count again: only what went on from there is new.
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
