import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { describe, it } from 'node:test';
import { createBuffers } from './buffers.ts';
import { createWriteBuffer } from './write-buffer.ts';

const mebibyte = 1024 * 1024;

/** Bytes without repeated steps. */
function sample(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 11)) % 251));
}

interface Row {
  readonly name: string;
  readonly size: number;
  readonly said: number | undefined;
  readonly piece: number;
}

const rows: readonly Row[] = [
  { name: 'no bytes', size: 0, said: 0, piece: 1 },
  { name: 'bytes that fit in one step', size: 5000, said: 5000, piece: 700 },
  { name: 'pieces that end where steps don’t', size: 3 * mebibyte + 5, said: undefined, piece: 65_537 },
  {
    name: 'pieces that are larger than a step',
    size: 5 * mebibyte,
    said: 5 * mebibyte,
    piece: 3 * mebibyte - 1,
  },
  { name: 'more bytes than expected', size: 2 * mebibyte, said: 10, piece: 64 * 1024 },
];

describe('a write buffer', () => {
  for (const { name, size, said, piece } of rows) {
    it(`a write buffer stores ${name} unchanged, one step after the other`, async () => {
      const bytes = sample(size);
      const kept: Buffer[] = [];
      let running = 0;
      const store = async (step: Uint8Array): Promise<void> => {
        assert.equal(running++, 0);
        await new Promise(setImmediate);
        kept.push(Buffer.from(step));
        running--;
      };
      const buffer = createWriteBuffer(said, store, createBuffers());
      for (let at = 0; at < size; at += piece) await buffer.take(bytes.subarray(at, at + piece));
      await buffer.end();
      assert.ok(Buffer.concat(kept).equals(bytes));
    });
  }

  it('a write buffer takes the next bytes while a step is stored', async () => {
    const end = new EventEmitter();
    const storing = once(end, 'stored');
    let calls = 0;
    const store = (): Promise<void> => {
      calls++;
      return storing.then(() => undefined);
    };
    const buffer = createWriteBuffer(undefined, store, createBuffers());
    await buffer.take(sample(mebibyte));
    await buffer.take(sample(mebibyte / 2));
    assert.equal(calls, 1);
    end.emit('stored');
    await buffer.end();
    assert.equal(calls, 2);
  });

  it('a write buffer stores nothing after a failed step, and its end throws the error, too', async () => {
    const full = new Error('full');
    let calls = 0;
    const store = async (): Promise<void> => {
      calls++;
      throw full;
    };
    const buffer = createWriteBuffer(undefined, store, createBuffers());
    await assert.rejects(async () => {
      for (let taken = 0; taken < 5; taken++) await buffer.take(sample(mebibyte));
    }, full);
    await assert.rejects(buffer.end(), full);
    assert.equal(calls, 1);
  });

  it('a write buffer gives back only memory of the size of a step', async () => {
    for (const size of [0, 10]) {
      const buffers = createBuffers();
      const buffer = createWriteBuffer(size, async () => undefined, buffers);
      await buffer.take(sample(size));
      await buffer.end();
      for (const kind of ['own', 'shared'] as const) {
        const buffer = buffers.take(kind);
        assert.equal(buffer.byteLength, mebibyte);
        buffers.giveBack(buffer, { reusable: true });
      }
    }
  });
});

describe('the memory of write buffers', () => {
  it('a write buffer takes only two steps when memory is scarce', async () => {
    const buffers = createBuffers();
    const others = Array.from({ length: 16 }, () => buffers.take('own'));
    const started: number[] = [];
    const end = new EventEmitter();
    const storing = once(end, 'stored');
    const store = (bytes: Uint8Array): Promise<void> => {
      started.push(bytes.byteLength);
      return storing.then(() => undefined);
    };
    const buffer = createWriteBuffer(undefined, store, buffers);
    await buffer.take(sample(mebibyte));
    const second = buffer.take(sample(mebibyte));
    let taken = false;
    const noted = second.then(() => {
      taken = true;
    });
    await new Promise(setImmediate);
    assert.equal(taken, false, 'it waits for the step that is stored');
    end.emit('stored');
    await noted;
    await buffer.end();
    assert.deepEqual(started, [mebibyte, mebibyte]);
    for (const other of others) buffers.giveBack(other, { reusable: false });
  });
});
