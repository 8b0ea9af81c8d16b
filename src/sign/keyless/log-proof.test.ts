import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { publicKeyOf } from '../public-key.ts';
import { verifyInclusion } from './log-proof.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const id = createHash('sha256')
  .update(publicKey.export({ type: 'spki', format: 'der' }))
  .digest();
const keys = [{ id, key: publicKeyOf(publicKey), from: 0, until: Number.POSITIVE_INFINITY }];

function hash(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

function treeOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (leaves.length === 1 && only !== undefined) return only;
  const half = halfOf(leaves.length);
  return hash(Buffer.of(1), treeOf(leaves.slice(0, half)), treeOf(leaves.slice(half)));
}

/** The greatest power of two below the size, as RFC 9162 splits a tree. */
function halfOf(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 1));
}

function pathOf(at: number, leaves: readonly Buffer[]): readonly Buffer[] {
  if (leaves.length === 1) return [];
  const half = halfOf(leaves.length);
  return at < half
    ? [...pathOf(at, leaves.slice(0, half)), treeOf(leaves.slice(half))]
    : [...pathOf(at - half, leaves.slice(half)), treeOf(leaves.slice(0, half))];
}

describe('the inclusion proof of a log entry', () => {
  it('leads to the root for every leaf of trees of every size, and to no other position', async () => {
    for (let size = 1; size <= 18; size++) {
      const bodies = Array.from({ length: size }, (_, at) => Buffer.from(`entry ${at}`));
      const leaves = bodies.map((body) => hash(Buffer.of(0), body));
      const rootHash = treeOf(leaves);
      const note = `log\n${size}\n${rootHash.toString('base64')}\n`;
      const signature = Buffer.concat([id.subarray(0, 4), sign(null, Buffer.from(note), privateKey)]);
      const checkpoint = `${note}\n\u2014 log ${signature.toString('base64')}\n`;
      for (const [at, body] of bodies.entries()) {
        const entry = (index: number) => ({
          logIndex: 0n,
          logId: id,
          kind: '',
          version: '',
          integratedTime: 0,
          body,
          proof: {
            logIndex: BigInt(index),
            treeSize: BigInt(size),
            rootHash,
            hashes: pathOf(at, leaves),
            checkpoint,
          },
        });
        assert.equal(await verifyInclusion(entry(at), keys), undefined);
        for (const wrong of [at - 1, at + 1, size].filter((index) => index >= 0)) {
          await assert.rejects(
            verifyInclusion(entry(wrong), keys),
            /inclusion proof/,
            `${at} as ${wrong} of ${size}`,
          );
        }
      }
    }
  });
});
