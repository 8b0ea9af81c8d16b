import { sha256, sha512 } from '@noble/hashes/sha2.js';
import type { StartHash } from '../running-hash.ts';

/** Hashes in JavaScript, because the Web Crypto of browsers takes only whole contents. */
export const startHash: StartHash = (algorithm) => {
  const hash = (algorithm === 'sha512' ? sha512 : sha256).create();
  return {
    update: (chunk) => hash.update(chunk),
    digest: () => Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
};
