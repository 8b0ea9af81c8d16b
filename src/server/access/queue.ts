import { onAbort } from '../../flow/abort.ts';

/** Runs a limited number of tasks at once. The sources take turns, independent of the number of their tasks. */
export interface FairQueue {
  /**
   * Runs the task when its turn comes. Urgent tasks precede all others. Rejects with the signal's reason while it
   * waits.
   */
  run<T>(source: string, task: () => Promise<T>, options?: QueueOptions): Promise<T>;
}

export interface QueueOptions {
  readonly urgent?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The tasks of one source in their order. A set makes removal cheap. */
type Line = Set<() => void>;

export function createFairQueue(atOnce: number): FairQueue {
  const urgentLine: Line = new Set();
  // Sorted by turn, the next source first.
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
