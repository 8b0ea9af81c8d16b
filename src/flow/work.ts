/**
 * The progress of the work beside the transfer of blobs. A progress bar shows `done` of `total`: neither decreases,
 * `total` grows as more work is found, and both are equal after success.
 */
export interface WorkProgress {
  readonly kind: 'work';
  /**
   * The kind of work. `unpack`: an archive that is compressed or comes from a pipe. `pack`: uncompressed layers of an
   * archive. `hash`: layers without a digest. `read`: content under validation. `write`: an archive, or an
   * image in a docker daemon, once its content is complete.
   */
  readonly work: Work;
  /** Bytes processed so far. */
  readonly done: number;
  /** Bytes to process, as far as known. */
  readonly total: number;
}

/** The kinds of work, explained at `WorkProgress.work`. */
export type Work = 'unpack' | 'pack' | 'hash' | 'read' | 'write';

/** Receives the progress of work. Its return value is ignored. */
export type WorkObserver = (progress: WorkProgress) => unknown;

/** Sums up the parts of one kind of work. */
export interface WorkSum {
  /** Adds a part of this size to the total. Without a size the total grows with the bytes done. */
  begin(size?: number): WorkPart;
}

/** One part of the work. */
export interface WorkPart {
  /** Adds bytes. Those beyond the size of the part don't count. */
  readonly add: (bytes: number) => void;
  /** Ends the part: counts the rest of its size as done. */
  settle(): void;
}

/** The work of one verb, with one sum for each kind. */
export interface WorkLedger {
  of(work: Work): WorkSum;
}

export function createWorkLedger(observe: WorkObserver = () => undefined): WorkLedger {
  const sums = new Map<Work, WorkSum>();
  return {
    of(work) {
      const sum = sums.get(work) ?? createWork(work, observe);
      sums.set(work, sum);
      return sum;
    },
  };
}

function createWork(work: Work, observe: WorkObserver): WorkSum {
  let done = 0;
  let total = 0;
  const tell = (): void => {
    observe({ kind: 'work', work, done, total });
  };
  return {
    begin(size) {
      let left = size ?? Number.POSITIVE_INFINITY;
      if (size !== undefined && size > 0) {
        total += size;
        tell();
      }
      const add = (bytes: number): void => {
        const counted = Math.min(bytes, left);
        if (counted <= 0) return;
        left -= counted;
        done += counted;
        if (size === undefined) total += counted;
        tell();
      };
      return {
        add,
        settle() {
          if (size === undefined) left = 0;
          else add(left);
        },
      };
    },
  };
}
