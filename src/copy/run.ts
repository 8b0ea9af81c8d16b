import { createPool, type Pool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Repository, WriteOutcome } from '../store/contract.ts';
import type { CopyOptions } from './copy-options.ts';
import { attempt } from './failure.ts';
import type { Ledger } from './ledger.ts';
import { type BlobAccount, createTally, type Tally } from './progress.ts';

/** The constant state of one running copy. */
export interface CopyRun {
  readonly from: Repository;
  readonly to: Repository;
  readonly pool: Pool;
  readonly mountFrom: (blob: Descriptor) => readonly string[];
  readonly nondistributable: boolean;
  /** See `CopyOptions.repair`. */
  readonly repair: boolean;
  readonly tally: Tally;
  readonly ledger: Ledger;
  /** Aborts when the copy ends, for any reason. */
  readonly signal: AbortSignal;
  /** Every digest already begun. Later mentions share its promise. */
  readonly blobs: Map<Digest, Promise<Outcome>>;
  readonly manifests: Map<Digest, Promise<Outcome>>;
  /** The content that was sent again because the destination turned out to lack it. */
  readonly again: Map<Digest, Promise<Outcome>>;
  /** The questions about the root, which may still be open when the copy ends. */
  readonly questions: Promise<Descriptor | undefined>[];
}

/** The outcome for a blob or a manifest; `written` is for manifests. */
export type Outcome = WriteOutcome | 'skipped' | 'written';

/** The sums that a copy adds to. */
export interface Counting {
  readonly ledger: Ledger;
  /** The blobs that went out before, in the same sums. */
  readonly accounts?: ReadonlyMap<Digest, BlobAccount> | undefined;
}

export function createRun(
  from: Repository,
  to: Repository,
  { mountFrom, jobs, nondistributable = false, repair = false }: CopyOptions,
  { ledger, accounts }: Counting,
  signal: AbortSignal,
): CopyRun {
  const known = typeof mountFrom === 'string' ? [mountFrom] : [];
  return {
    from,
    to,
    pool: createPool(jobs),
    mountFrom: typeof mountFrom === 'function' ? mountFrom : () => known,
    nondistributable,
    repair,
    tally: createTally(ledger, accounts),
    ledger,
    signal,
    blobs: new Map(),
    manifests: new Map(),
    again: new Map(),
    questions: [],
  };
}

/** Waits until all work and all questions of a run have ended, also those that failed. */
export async function settled({ questions, blobs, manifests, again }: CopyRun): Promise<void> {
  await Promise.allSettled([...questions, ...blobs.values(), ...manifests.values(), ...again.values()]);
}

/** Asks the destination for the root. The caller awaits the answer later, or never when the source fails first. */
export function askForRoot(
  { to, signal, questions }: CopyRun,
  reference: string,
): Promise<Descriptor | undefined> {
  const found = attempt({ side: 'destination', step: `resolve ${reference}` }, signal, () =>
    to.manifests.resolve(reference, { signal, whole: true }),
  );
  found.catch(() => undefined);
  questions.push(found);
  return found;
}

/** Starts the work for a digest at its first mention. Later mentions share the outcome. */
export function once(
  seen: Map<Digest, Promise<Outcome>>,
  { digest }: Descriptor,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const known = seen.get(digest);
  if (known !== undefined) return known;
  const first = work();
  // Not every caller waits to the end, and an error without a waiting caller is none.
  first.catch(() => undefined);
  seen.set(digest, first);
  return first;
}
