import { type Buffers, createBuffers } from './buffers.ts';
import { createSyncs, type Syncs } from './flush.ts';
import { createHashing, type Hashing } from './hash-thread.ts';

/** The memory, threads and syncs that files share. Their limits hold for all files with the same value together. */
export interface FileResources {
  readonly buffers: Buffers;
  readonly syncs: Syncs;
  readonly hashing: Hashing;
}

export function createFileResources(): FileResources {
  return { buffers: createBuffers(), syncs: createSyncs(), hashing: createHashing() };
}

/** One value for the process: all places on disk share its memory and its few threads for files. */
export const processFiles: FileResources = createFileResources();
