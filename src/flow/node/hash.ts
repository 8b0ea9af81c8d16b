import { createHash } from 'node:crypto';
import type { StartHash } from '../running-hash.ts';

export const startHash: StartHash = (algorithm) => createHash(algorithm);
