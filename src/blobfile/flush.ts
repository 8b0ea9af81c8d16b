import type { FileHandle } from 'node:fs/promises';

/** Syncs written bytes to the disk in steps, so that the sync at the end takes little time. */
export interface Flusher {
  wrote(bytes: number): void;
  /**
   * Rejects with the error of the disk. The disk reports an error only once, so the content of the file is then
   * unreliable.
   */
  ended(): Promise<void>;
}

/** Bytes. A disk takes less than a tenth of a second for them, and the cost of the calls does not matter. */
const step = 16 * 1024 * 1024;
/** Concurrent syncs in the whole process: each occupies one of the few threads that all files share. */
const mostAtOnce = 2;
let atOnce = 0;

export function createFlusher(file: Pick<FileHandle, 'datasync'>): Flusher {
  let written = 0;
  let running: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const flush = async (): Promise<void> => {
    atOnce++;
    written = 0;
    try {
      await file.datasync();
    } catch (error) {
      failure ??= { error };
    } finally {
      atOnce--;
      running = undefined;
    }
  };
  return {
    wrote(bytes) {
      written += bytes;
      if (written >= step && running === undefined && atOnce < mostAtOnce) running = flush();
    },
    async ended() {
      await running;
      if (failure !== undefined) throw failure.error;
    },
  };
}
