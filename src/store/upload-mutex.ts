import { createMutex, strictMutex } from '../flow/mutex.ts';
import type { LateOptions } from '../flow/semaphore.ts';
import type { AppendOptions } from './upload.ts';

/** Runs the calls on one upload session one after the other, since bytes must go in strictly in order. */
export interface UploadMutex {
  /**
   * Runs a task with options that report its progress to the waiting calls. A call leaves with its signal, and fails
   * with TIMED_OUT when the call before it has not progressed for 15 minutes.
   */
  run<T>(task: (options: AppendOptions) => Promise<T>, options?: AppendOptions): Promise<T>;
  /** True while a call runs or waits. */
  isBusy(): boolean;
}

export function createUploadMutex(id: string, late?: LateOptions): UploadMutex {
  const mutex = createMutex(strictMutex(`upload session ${id}`, late));
  let users = 0;
  return {
    async run(task, options = {}) {
      users++;
      try {
        return await mutex((moved) => task(noting(options, moved)), options);
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
