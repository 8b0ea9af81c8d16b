import type { LateOptions } from '../flow/semaphore.ts';
import { createTurns, strictTurns } from '../flow/turns.ts';
import type { AppendOptions } from './contract.ts';

/** Runs the calls on one upload session one after the other, since bytes must go in strictly in order. */
export interface UploadTurns {
  /**
   * Runs a task with options that report its progress to the waiting calls. A call leaves with its signal, and fails
   * with TIMED_OUT when the call before it has not progressed for 15 minutes.
   */
  run<T>(task: (options: AppendOptions) => Promise<T>, options?: AppendOptions): Promise<T>;
  /** True while a call runs or waits. */
  isBusy(): boolean;
}

export function createUploadTurns(id: string, late?: LateOptions): UploadTurns {
  const turns = createTurns(strictTurns(`upload session ${id}`, late));
  let users = 0;
  return {
    async run(task, options = {}) {
      users++;
      try {
        return await turns((moved) => task(noting(options, moved)), options);
      } finally {
        users--;
      }
    },
    isBusy: () => users > 0,
  };
}

/** Adds a call of `moved` to the progress of the options. */
export function noting<T extends AppendOptions>(options: T, moved: () => void): T {
  return {
    ...options,
    onProgress(progress) {
      moved();
      options.onProgress?.(progress);
    },
  };
}
