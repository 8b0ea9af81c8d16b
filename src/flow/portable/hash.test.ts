import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { startHash as startOnNode } from '../node/hash.ts';
import { startHash } from './hash.ts';

describe('hashing without node:crypto', () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    it(`both implementations of ${algorithm} give the digest of node:crypto, in any parts`, () => {
      fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (chunks) => {
          const expected = createHash(algorithm).update(Buffer.concat(chunks)).digest('hex');
          for (const start of [startHash, startOnNode]) {
            const hash = start(algorithm);
            for (const chunk of chunks) hash.update(chunk);
            assert.equal(hash.digest('hex'), expected);
          }
        }),
      );
    });
  }
});
