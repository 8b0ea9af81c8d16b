import type { Algorithm } from '../spec/digest.ts';

/** A hash that takes its bytes in parts. `node:crypto` has this form. */
export interface RunningHash {
  update(chunk: Uint8Array): unknown;
  /** Ends the hash and returns it in lower-case hexadecimal digits. */
  digest(encoding: 'hex'): string;
}

/** Starts a hash. `#hash` in package.json chooses the implementation by the runtime. */
export type StartHash = (algorithm: Algorithm) => RunningHash;
