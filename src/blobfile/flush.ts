import type { FileHandle } from 'node:fs/promises';
import { createPlaces, type Places } from '../flow/places.ts';

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
/** Concurrent syncs of all files together: each occupies one of the few threads that all files share. */
const mostAtOnce = 2;

/** The syncs of files that are being written. */
export interface Syncs {
  flusher(file: Pick<FileHandle, 'datasync'>): Flusher;
}

export function createSyncs(): Syncs {
  const places = createPlaces(mostAtOnce);
  return { flusher: (file) => createFlusher(file, places) };
}

function createFlusher(file: Pick<FileHandle, 'datasync'>, places: Places): Flusher {
  let written = 0;
  let running: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;
  const flush = async (): Promise<void> => {
    written = 0;
    try {
      await file.datasync();
    } catch (error) {
      failure ??= { error };
    } finally {
      places.leave();
      running = undefined;
    }
  };
  return {
    wrote(bytes) {
      written += bytes;
      if (written >= step && running === undefined && places.take()) running = flush();
    },
    async ended() {
      await running;
      if (failure !== undefined) throw failure.error;
    },
  };
}
