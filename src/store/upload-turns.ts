import type { LateOptions } from '../flow/semaphore.ts';
import { createTurns, strictTurns } from '../flow/turns.ts';
import type { AppendOptions } from './contract.ts';

/** The turns of one upload session: bytes go in strictly in order, so calls that overlap wait for each other. */
export interface UploadTurns {
  /**
   * Hands the task its options, whose progress keeps the calls behind it waiting. A call gives up with its signal, and with
   * TIMED_OUT when the one before it has not moved for 15 minutes.
   */
  run<T>(task: (options: AppendOptions) => Promise<T>, options?: AppendOptions): Promise<T>;
  /** Whether a call is at work or waits. */
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

/** The options, whose progress also calls `moved`. */
export function noting<T extends AppendOptions>(options: T, moved: () => void): T {
  return {
    ...options,
    onProgress(progress) {
      moved();
      options.onProgress?.(progress);
    },
  };
}
