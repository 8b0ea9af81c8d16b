import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ahead } from './ahead.ts';

/** Yields one byte each in the same memory, and notes the requests. */
async function* counting(count: number, log: string[]): AsyncIterable<Uint8Array> {
  const memory = new Uint8Array(1);
  try {
    for (let at = 0; at < count; at++) {
      log.push(`made ${at}`);
      memory[0] = at;
      yield memory;
    }
  } finally {
    log.push('released');
  }
}

async function* sizes(): AsyncIterable<Uint8Array> {
  for (const size of [3, 0, 7, 1, 5000, 2]) yield new Uint8Array(size).fill(size % 251);
}

describe('ahead', () => {
  it('the next chunk is requested while the reader has the last one, which stays as it is', async () => {
    const log: string[] = [];
    for await (const chunk of ahead(counting(3, log))) {
      log.push(`read ${chunk[0]}`);
      await Promise.resolve();
      log.push(`done ${chunk[0]}`);
    }
    assert.deepEqual(log, [
      'made 0',
      'made 1',
      'read 0',
      'done 0',
      'made 2',
      'read 1',
      'done 1',
      'released',
      'read 2',
      'done 2',
    ]);
  });

  it('an error of the source comes unchanged after the chunks before it', async () => {
    const error = new Error('broken');
    async function* broken(): AsyncIterable<Uint8Array> {
      yield new Uint8Array(1);
      throw error;
    }
    const read: number[] = [];
    await assert.rejects(
      async () => {
        for await (const chunk of ahead(broken())) read.push(chunk.byteLength);
      },
      (thrown) => thrown === error,
    );
    assert.deepEqual(read, [1]);
  });

  it('the source is released when the reader leaves early', async () => {
    const log: string[] = [];
    for await (const _ of ahead(counting(9, log))) break;
    assert.deepEqual(log, ['made 0', 'made 1', 'released']);
  });

  it('chunks of any sizes pass through', async () => {
    const read: Uint8Array[] = [];
    for await (const chunk of ahead(sizes())) read.push(chunk.slice());
    assert.deepEqual(
      read.map((chunk) => [chunk.byteLength, chunk[0]]),
      [
        [3, 3],
        [0, undefined],
        [7, 7],
        [1, 1],
        [5000, 5000 % 251],
        [2, 2],
      ],
    );
  });
});
