/**
 * How far the work is that a verb does beside moving blobs. `done` of `total` is the figure for a bar: neither goes back,
 * `total` grows as more is found, and they are equal where the verb has succeeded.
 */
export interface WorkProgress {
  readonly kind: 'work';
  /**
   * `unpack`: an archive that is compressed or comes from a pipe. `pack`: layers of an archive that stand there as plain tar.
   * `hash`: layers with no digest yet. `read`: what is validated. `write`: an archive, when all that goes into it is there.
   */
  readonly work: Work;
  /** Bytes that were read for it. */
  readonly done: number;
  /** Bytes that are to be read for it, as far as is known. */
  readonly total: number;
}

export type Work = 'unpack' | 'pack' | 'hash' | 'read' | 'write';

export type WorkObserver = (progress: WorkProgress) => unknown;

/** Adds up the parts of one work. */
export interface WorkSum {
  /** Takes a part of so many bytes into the total. Without a size the total grows with what is done. */
  begin(size?: number): WorkPart;
}

export interface WorkPart {
  /** So many bytes more. Those beyond the size of the part don't count. */
  readonly add: (bytes: number) => void;
  /** Nothing of it is left to do, whatever was read. */
  settle(): void;
}

export function createWork(work: Work, observe: WorkObserver = () => undefined): WorkSum {
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
