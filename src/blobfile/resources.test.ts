import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createHasher } from '../flow/hash.ts';
import { createHashing, type HashThread } from './hash-thread.ts';
import { createHashWriter } from './hash-writer.ts';
import { createFileResources } from './resources.ts';

const mebibyte = 1024 * 1024;

describe('the resources of files', () => {
  it('two values of file resources share no limit and no memory', () => {
    const [one, other] = [createFileResources(), createFileResources()];
    for (let taken = 0; taken < 16; taken++) one.buffers.take('own');
    assert.deepEqual([one.buffers.areScarce(), other.buffers.areScarce()], [true, false]);
    const kept = one.buffers.take('shared');
    one.buffers.giveBack(kept, { reusable: true });
    assert.notEqual(other.buffers.take('shared').buffer, kept.buffer);
    assert.equal(one.buffers.take('shared'), kept);

    let begun = 0;
    const slow = { datasync: () => new Promise<void>(() => void begun++) };
    for (const { syncs } of [one, one, one, other]) syncs.flusher(slow).wrote(16 * mebibyte);
    assert.equal(begun, 3);
  });

  it('the thread for large blobs starts with the first of them, and serves all others', () => {
    const used: string[] = [];
    const start = (): HashThread => {
      used.push('start');
      return {
        writer(algorithm) {
          used.push(algorithm);
          return createHashWriter(createHasher(algorithm));
        },
      };
    };
    const hashing = createHashing(start);
    const large = 32 * mebibyte;
    hashing.writer('sha256', { size: large - 1, first: mebibyte });
    hashing.writer('sha256', { size: undefined, first: mebibyte - 1 });
    assert.deepEqual(used, []);
    hashing.writer('sha256', { size: large, first: 1 });
    hashing.writer('sha512', { size: undefined, first: mebibyte });
    assert.deepEqual(used, ['start', 'sha256', 'sha512']);
  });
});
