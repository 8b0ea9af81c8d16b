import assert from 'node:assert/strict';
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

/** Steps that `store` stores, with the lengths of the stored ones. */
function stepsOf(store: (bytes: Uint8Array) => Promise<void>): {
  readonly stored: number[];
  readonly steps: Parameters<typeof createWriteBuffer>[1];
} {
  const stored: number[] = [];
  return { stored, steps: { store, stored: (bytes) => void stored.push(bytes) } };
}

describe('a write buffer', () => {
  for (const { name, size, said, piece } of rows) {
    it(`a write buffer stores ${name} unchanged and in order`, async () => {
      const bytes = sample(size);
      const kept: Buffer[] = [];
      const { steps, stored } = stepsOf(async (step) => {
        kept.push(Buffer.from(step));
        // Steps may end in another order than they began.
        for (let turns = kept.length % 3; turns > 0; turns--) await new Promise(setImmediate);
      });
      const buffer = createWriteBuffer(said, steps, createBuffers());
      for (let at = 0; at < size; at += piece) await buffer.take(bytes.subarray(at, at + piece));
      await buffer.end();
      assert.ok(Buffer.concat(kept).equals(bytes));
      assert.deepEqual(
        stored,
        kept.map(({ byteLength }) => byteLength),
      );
    });
  }

  it('the steps of a write buffer begin without a wait for earlier ones, and count as stored in order', async () => {
    const ends: (() => void)[] = [];
    const { steps, stored } = stepsOf(() => new Promise<void>((resolve) => void ends.push(resolve)));
    const buffer = createWriteBuffer(undefined, steps, createBuffers());
    await buffer.take(sample(mebibyte));
    await buffer.take(sample(mebibyte));
    await buffer.take(sample(mebibyte / 2));
    assert.equal(ends.length, 2);
    ends[1]?.();
    await new Promise(setImmediate);
    assert.deepEqual(stored, []);
    ends[0]?.();
    await new Promise(setImmediate);
    assert.deepEqual(stored, [mebibyte, mebibyte]);
    const ended = buffer.end();
    ends[2]?.();
    await ended;
    assert.deepEqual(stored, [mebibyte, mebibyte, mebibyte / 2]);
  });

  it('a write buffer begins no step after a failed one, and its end throws the error after all steps', async () => {
    const full = new Error('full');
    const ends: (() => void)[] = [];
    const { steps, stored } = stepsOf(() =>
      ends.length === 0
        ? new Promise<void>((_, reject) => void ends.push(() => reject(full)))
        : new Promise<void>((resolve) => void ends.push(resolve)),
    );
    const buffers = createBuffers();
    const buffer = createWriteBuffer(undefined, steps, buffers);
    await buffer.take(sample(mebibyte));
    await buffer.take(sample(mebibyte));
    ends[0]?.();
    await new Promise(setImmediate);
    await assert.rejects(buffer.take(sample(mebibyte)), full);
    let hasEnded = false;
    const ended = assert.rejects(buffer.end(), full).then(() => {
      hasEnded = true;
    });
    await new Promise(setImmediate);
    assert.equal(hasEnded, false, 'the second step still uses its memory');
    ends[1]?.();
    await ended;
    assert.equal(ends.length, 2);
    assert.deepEqual(stored, []);
  });

  it('a write buffer gives back only memory of the size of a step', async () => {
    for (const size of [0, 10]) {
      const buffers = createBuffers();
      const buffer = createWriteBuffer(size, stepsOf(async () => undefined).steps, buffers);
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
  for (const { name, size, others, most } of [
    { name: 'three steps', size: 5 * mebibyte, others: 0, most: 3 },
    { name: 'five steps of a large blob', size: 32 * mebibyte, others: 0, most: 5 },
    { name: 'only two steps when memory is scarce', size: 32 * mebibyte, others: 16, most: 2 },
  ]) {
    it(`a write buffer takes ${name}`, async () => {
      const buffers = createBuffers();
      const lent = Array.from({ length: others }, () => buffers.take('own'));
      const ends: (() => void)[] = [];
      const { steps, stored } = stepsOf(() => new Promise<void>((resolve) => void ends.push(resolve)));
      const buffer = createWriteBuffer(size, steps, buffers);
      for (let taken = 1; taken < most; taken++) await buffer.take(sample(mebibyte));
      let isTaken = false;
      const last = buffer.take(sample(mebibyte)).then(() => {
        isTaken = true;
      });
      await new Promise(setImmediate);
      assert.deepEqual([isTaken, ends.length], [false, most]);
      ends[0]?.();
      await last;
      const ended = buffer.end();
      for (const end of ends) end();
      await ended;
      assert.equal(stored.length, most);
      for (const other of lent) buffers.giveBack(other, { reusable: false });
    });
  }
});

/** Fills offered memory with `fill`, and returns the first `length` bytes as a chunk. */
function chunkIn(memory: Uint8Array | undefined, length: number, fill: number): Uint8Array {
  assert.ok(memory);
  return memory.fill(fill).subarray(0, length);
}

describe('the memory that a write buffer offers', () => {
  it('a write buffer stores a large chunk in offered memory as it is, after the bytes before it', async () => {
    const kept: Uint8Array[] = [];
    const { steps, stored } = stepsOf(async (step) => void kept.push(step));
    const buffer = createWriteBuffer(32 * mebibyte, steps, createBuffers());
    const chunk = chunkIn(buffer.offer(), mebibyte / 2, 2);
    await buffer.take(new Uint8Array(10).fill(1));
    await buffer.take(chunk);
    await buffer.end();
    assert.equal(kept[1], chunk);
    assert.deepEqual(stored, [10, mebibyte / 2]);
  });

  it('a write buffer copies a small chunk in offered memory, so that a step stays large', async () => {
    const { steps, stored } = stepsOf(async () => undefined);
    const buffer = createWriteBuffer(32 * mebibyte, steps, createBuffers());
    for (let at = 0; at < 8; at++) await buffer.take(chunkIn(buffer.offer(), mebibyte / 8, at));
    await buffer.end();
    assert.deepEqual(stored, [mebibyte]);
  });

  it('a write buffer offers memory again only when its step is stored and a later chunk has come', async () => {
    const ends: (() => void)[] = [];
    const { steps } = stepsOf(() => new Promise<void>((resolve) => void ends.push(resolve)));
    const buffer = createWriteBuffer(32 * mebibyte, steps, createBuffers());
    const first = chunkIn(buffer.offer(), mebibyte, 1);
    await buffer.take(first);
    const offered = new Set<ArrayBufferLike | undefined>();
    const offer = (): Uint8Array | undefined => {
      const memory = buffer.offer();
      offered.add(memory?.buffer);
      return memory;
    };
    const second = offer();
    ends[0]?.();
    await new Promise(setImmediate);
    offer();
    assert.ok(!offered.has(first.buffer), 'the source may still have a part of the chunk');
    await buffer.take(chunkIn(second, mebibyte, 2));
    offer();
    assert.ok(offered.has(first.buffer));
    ends[1]?.();
    await buffer.end();
  });

  it('a write buffer stores the right bytes of a source that splits chunks and leaves offers unused', async () => {
    let state = 1;
    const random = (below: number): number => {
      state = (state * 48271) % 2147483647;
      return state % below;
    };
    const kept: Buffer[] = [];
    let begun = 0;
    const { steps } = stepsOf(async (step) => {
      const at = begun++;
      for (let turns = random(4); turns > 0; turns--) await new Promise(setImmediate);
      kept[at] = Buffer.from(step);
    });
    const buffer = createWriteBuffer(32 * mebibyte, steps, createBuffers());
    const sent: Buffer[] = [];
    for (let at = 0; at < 100; at++) {
      const memory = (random(4) > 0 ? buffer.offer() : undefined) ?? new Uint8Array(mebibyte);
      const length = 2 + random(memory.byteLength - 1);
      const chunk = memory.fill(at % 251).subarray(0, length);
      sent.push(Buffer.from(chunk));
      if (random(3) > 0) {
        await buffer.take(chunk);
        continue;
      }
      const middle = 1 + random(length - 1);
      await buffer.take(chunk.subarray(0, middle));
      await new Promise(setImmediate);
      await buffer.take(chunk.subarray(middle));
    }
    await buffer.end();
    assert.ok(Buffer.concat(kept).equals(Buffer.concat(sent)));
  });

  it('memory that a source has kept goes to no other transfer', async () => {
    const buffers = createBuffers();
    const buffer = createWriteBuffer(32 * mebibyte, stepsOf(async () => undefined).steps, buffers);
    const keptMemory = buffer.offer();
    await buffer.take(sample(mebibyte));
    await buffer.end();
    const next = Array.from({ length: 3 }, () => buffers.take('shared').buffer);
    assert.ok(keptMemory && !next.includes(keptMemory.buffer));
  });

  it('a write buffer offers no memory for a short or an unknown size, nor when memory is scarce', () => {
    const { steps } = stepsOf(async () => undefined);
    const scarce = createBuffers();
    for (let taken = 0; taken < 16; taken++) scarce.take('own');
    assert.equal(createWriteBuffer(32 * mebibyte, steps, scarce).offer(), undefined);
    assert.equal(createWriteBuffer(100, steps, createBuffers()).offer(), undefined);
    assert.equal(createWriteBuffer(undefined, steps, createBuffers()).offer(), undefined);
  });
});
