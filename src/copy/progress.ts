import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { BlobProgress } from '../store/blob-progress.ts';
import type { WriteOutcome } from '../store/contract.ts';
import type { Figures, Ledger } from './ledger.ts';

/** The blobs of one copy. */
export interface Tally {
  /** Adds the blob to the total and returns the observers of its transfer. */
  begin(descriptor: Descriptor): BlobTally;
  /** Also counts blobs that were not needed, because the manifest above them existed. Call it after success. */
  finish(): void;
}

export interface BlobTally extends Pick<BlobAccount, 'onProgress' | 'onKept'> {
  /** Ends the blob and returns the outcome. */
  settle<T extends WriteOutcome | 'skipped'>(outcome: T): T;
}

/** `accounts` has the blobs that went out before the copy. Their bytes are not counted again. */
export function createTally(ledger: Ledger, accounts?: ReadonlyMap<Digest, BlobAccount>): Tally {
  const open = new Set<BlobAccount>();
  return {
    begin(descriptor) {
      const account = accounts?.get(descriptor.digest) ?? new BlobAccount(ledger);
      open.add(account);
      account.expect(descriptor.size);
      const { onProgress, onKept } = account;
      return {
        onProgress,
        onKept,
        settle(outcome) {
          open.delete(account);
          ledger.tell({ kind: 'blob', descriptor, outcome });
          ledger.add(account.settle());
          return outcome;
        },
      };
    },
    finish() {
      const rest = { moved: 0, complete: 0 };
      for (const account of open) {
        const { moved, complete } = account.settle();
        rest.moved += moved;
        rest.complete += complete;
      }
      if (rest.moved + rest.complete > 0) ledger.add(rest);
    },
  };
}

/** The share of one blob in the figures. Without an expected size the total grows with the bytes. */
export class BlobAccount {
  readonly #ledger: Ledger;
  #size: number | undefined;
  #own: Figures = { moved: 0, complete: 0, sent: 0, total: 0 };
  /** The count of the running attempt. */
  #attempt = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  expect(size: number): void {
    const { total } = this.#own;
    this.#size = size;
    this.#own = { ...this.#own, total: size };
    this.#ledger.add({ total: size - total });
  }

  readonly onProgress = (progress: BlobProgress): void => {
    // A retry starts its own count again, so only the growth since then is new.
    const sent = progress.sent >= this.#attempt ? progress.sent - this.#attempt : progress.sent;
    this.#attempt = progress.sent;
    const complete = Math.max(0, progress.acknowledged - this.#own.complete);
    this.#ledger.add({ ...this.#reach(progress.moved, complete), sent });
  };

  /** Takes the bytes that an intermediate cache has stored. */
  readonly onKept = (bytes: number): void => this.#ledger.add(this.#reach(bytes, 0));

  /** Counts the rest of the blob as moved and complete, and returns it. */
  settle(): Pick<Figures, 'moved' | 'complete'> {
    const { total, complete } = this.#own;
    return this.#reach(total, total - complete);
  }

  /** Notes progress, and returns the bytes that are new. */
  #reach(to: number, complete: number): Pick<Figures, 'moved' | 'complete' | 'total'> {
    // Other code detects a source that yields too much.
    const moved = Math.max(0, Math.min(to, this.#size ?? to) - this.#own.moved);
    const total = this.#size === undefined ? moved : 0;
    const { moved: before, complete: had, total: known } = this.#own;
    this.#own = { ...this.#own, moved: before + moved, complete: had + complete, total: known + total };
    return { moved, complete, total };
  }
}
