import { onAbort } from '../../flow/abort.ts';

/** Work of which some runs at once, and each source has its turn, however much of it others bring. */
export interface FairQueue {
  /** Runs the task when its turn comes. `urgent` work goes ahead of all other. Rejects with the signal's reason while it waits. */
  run<T>(source: string, task: () => Promise<T>, options?: QueueOptions): Promise<T>;
}

export interface QueueOptions {
  readonly urgent?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** One source's work in the order in which it came; a set, so that what is given up leaves at no cost. */
type Line = Set<() => void>;

export function createFairQueue(atOnce: number): FairQueue {
  const urgentLine: Line = new Set();
  // The source whose turn is next comes first.
  const lines = new Map<string, Line>();
  let running = 0;

  const next = (): (() => void) | undefined => {
    const [urgent] = urgentLine;
    if (urgent !== undefined) {
      urgentLine.delete(urgent);
      return urgent;
    }
    for (const [source, line] of lines) {
      const [first] = line;
      lines.delete(source);
      if (first === undefined) continue;
      line.delete(first);
      if (line.size > 0) lines.set(source, line);
      return first;
    }
    return undefined;
  };
  const advance = (): void => {
    while (running < atOnce) {
      const start = next();
      if (start === undefined) return;
      running++;
      start();
    }
  };
  const ended = (): void => {
    running--;
    advance();
  };
  const lineOf = (source: string): Line => {
    const line = lines.get(source) ?? new Set();
    lines.set(source, line);
    return line;
  };

  return {
    run: (source, task, { urgent = false, signal } = {}) =>
      new Promise((resolve, reject) => {
        const line = urgent ? urgentLine : lineOf(source);
        const start = (): void => {
          release();
          task().finally(ended).then(resolve, reject);
        };
        line.add(start);
        const release = onAbort(signal, () => {
          line.delete(start);
          reject(signal?.reason);
        });
        advance();
      }),
  };
}
