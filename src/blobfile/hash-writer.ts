import type { FileHandle } from 'node:fs/promises';
import { writeFully } from '../files/files.ts';
import type { Hasher } from '../flow/hash.ts';
import type { Digest } from '../spec/digest.ts';

/** Writes to a file and hashes the written bytes, in the order of the calls. */
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
  return {
    async write(file, bytes, position) {
      const writing = writeFully(file, bytes, position);
      running?.update(bytes);
      try {
        await writing;
      } catch (error) {
        running = undefined;
        throw error;
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
