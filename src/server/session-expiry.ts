import type { Repository } from '../store/contract.ts';
import type { Clock } from '../time/clock.ts';
import type { SessionBook } from './session-book.ts';

/** Ends the sessions that received no bytes for a time. */
export interface SessionExpiry {
  /** Ends the sessions that are idle now. */
  readonly expire: () => void;
  /** Sets the timer for the next session, if one is open and no timer is set. */
  readonly watch: () => void;
  /** Stops the timer for good. */
  readonly close: () => void;
}

/** The least and the most milliseconds until the timer: many sessions end together, and a timer has a limit. */
const [shortest, longest] = [1_000, 3_600_000];

/** `idle`: milliseconds without new bytes. The timer must not keep the process alive, so `clock` is an unheld one. */
export function createSessionExpiry(book: SessionBook, idle: number, clock: Clock): SessionExpiry {
  let cancelTimer: (() => void) | undefined;
  let closed = false;
  const expire = (): void => {
    const limit = clock.now() - idle;
    for (const { repository, id, users, touched } of book.oldestFirst()) {
      if (touched > limit) return;
      if (users > 0) continue;
      book.remove(repository, id);
      // If the cancellation fails, the store removes the session later itself.
      cancelUpload(repository, id).catch(() => undefined);
    }
  };
  const watch = (): void => {
    if (closed || cancelTimer !== undefined) return;
    const [oldest] = book.oldestFirst();
    if (oldest === undefined) return;
    // A session in use is not idle. Its time begins when its last request ends.
    const due = oldest.users > 0 ? idle : oldest.touched + idle - clock.now();
    cancelTimer = clock.after(Math.min(Math.max(due, shortest), longest), () => {
      cancelTimer = undefined;
      expire();
      watch();
    });
  };
  return {
    expire,
    watch,
    close() {
      closed = true;
      cancelTimer?.();
      cancelTimer = undefined;
    },
  };
}

async function cancelUpload({ blobs }: Repository, id: string): Promise<void> {
  await (await blobs.resume(id)).cancel();
}
