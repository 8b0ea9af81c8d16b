import type { FileHandle } from 'node:fs/promises';
import { writeFully } from '../files/files.ts';
import type { Hasher } from '../flow/hash.ts';
import type { Digest } from '../spec/digest.ts';

/** Writes to a file and hashes what it writes, in the order of the calls. */
export interface HashWriter {
  /** The bytes may be changed when it settles. Rejects with what the disk says; then the hash is lost. */
  write(file: FileHandle, bytes: Uint8Array, position: number): Promise<void>;
  /** Ends the hash. `undefined` where it is lost or was read before: the file has to be read for it. */
  digest(): Promise<Digest | undefined>;
  /** For whoever doesn't ask for the digest. */
  drop(): void;
}

/** Hashes in this thread, while the disk writes. */
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
