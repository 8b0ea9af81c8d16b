import type { FileHandle } from 'node:fs/promises';
import { writeFully } from '../files/files.ts';
import type { Hasher } from '../flow/hash.ts';
import type { Digest } from '../spec/digest.ts';

/** Writes to a file and hashes the written bytes, in the order of the calls, which need not wait for one another. */
export interface HashWriter {
  /** Resolves when the bytes may be changed. Rejects with the error of the disk; the hash is then lost. */
  write(file: FileHandle, bytes: Uint8Array, position: number): Promise<void>;
  /** Ends the hash. Resolves with undefined when the hash is lost or was read before; the file must then be read. */
  digest(): Promise<Digest | undefined>;
  /** Discards the hash when the digest is not needed. */
  drop(): void;
}

/** Creates a writer that hashes in this thread while the disk writes. */
export function createHashWriter(hasher: Hasher): HashWriter {
  let running: Hasher | undefined = hasher;
  let last: Promise<void> | undefined;
  return {
    async write(file, bytes, position) {
      // One write at a time: a killed process leaves no hole in the file, so the next one can continue it.
      const begin = (): Promise<void> => writeFully(file, bytes, position);
      const writing = last === undefined ? begin() : last.then(begin);
      last = writing;
      running?.update(bytes);
      try {
        await writing;
      } catch (error) {
        running = undefined;
        throw error;
      } finally {
        if (last === writing) last = undefined;
      }
    },
    async digest() {
      const ended = running?.digest();
      running = undefined;
      return ended;
    },
    drop() {
      running = undefined;
    },
  };
}
