import type { StartHash } from '../running-hash.ts';

/** Loads `node:crypto` with the first hash, because it takes a millisecond and most questions to a registry hash nothing. */
export const startHash: StartHash = (algorithm) =>
  process.getBuiltinModule('node:crypto').createHash(algorithm);
