import type { FileHandle } from 'node:fs/promises';

/** Brings what is written to a file to the disk bit by bit, so that the sync at the end has little left to wait for. */
export interface Flusher {
  wrote(bytes: number): void;
  /** Throws what the disk has said; it says so once, so what the file holds is then not to be relied on. */
  ended(): Promise<void>;
}

/** Bytes: less than a disk takes in a tenth of a second, and so much that nobody notices the calls. */
const step = 16 * 1024 * 1024;
/** In the whole process: each holds one of the few threads that all files share. */
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
