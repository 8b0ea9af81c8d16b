import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { failsWith } from '../testing/contract/sample.ts';
import { collect, collectContent, discard, drain } from './collect.ts';
import { bytesContent, type Content, streamContent } from './content.ts';
import { gathered } from './gather.ts';
import { digestOf } from './hash.ts';
import { verified } from './verify.ts';

/** Yields each chunk in the memory of the one before, as a source may do. Node's Buffer: its `slice` is a view. */
async function* reused(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  const buffer = Buffer.alloc(Math.max(0, ...chunks.map(({ byteLength }) => byteLength)));
  for (const chunk of chunks) {
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.byteLength);
    buffer.fill(0xee);
  }
}

async function sizesOf(source: AsyncIterable<Uint8Array>): Promise<readonly number[]> {
  const sizes: number[] = [];
  for await (const { byteLength } of source) sizes.push(byteLength);
  return sizes;
}

const sized = (...sizes: readonly number[]): Uint8Array[] => sizes.map((size) => new Uint8Array(size));

describe('gathered', () => {
  it('gathered yields the same bytes in chunks of the given size', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(chunks, fc.integer({ min: 1, max: 64 }), async (given, size) => {
        const whole = Buffer.concat(given);
        const bytes = await collect(gathered(reused(given), size), { limit: 1000, what: 'sample' });
        assert.deepEqual(Buffer.from(bytes), whole);
        const sizes = await sizesOf(gathered(reused(given), size));
        assert.ok(sizes.slice(0, -1).every((length) => length >= size));
        assert.ok(sizes.every((length) => length > 0));
      }),
    );
  });

  for (const [name, given, expected] of [
    ['joins small chunks', sized(4, 4, 4), [10, 2]],
    ['leaves no remainder of chunks that fit exactly', sized(5, 5, 10), [10, 10]],
    ['passes large chunks through', sized(25), [25]],
    ['fills up the open buffer from a large chunk', sized(4, 25), [10, 19]],
    ['leaves out empty chunks', sized(0, 3, 0), [3]],
    ['yields nothing for an empty source', [], []],
  ] as const) {
    it(`gathered ${name}`, async () =>
      assert.deepEqual(await sizesOf(gathered(reused(given), 10)), expected));
  }

  it('gathered releases its source when the reader leaves', async () => {
    let letGo = false;
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(3);
      } finally {
        letGo = true;
      }
    }
    for await (const _ of gathered(source(), 10)) break;
    assert.equal(letGo, true);
  });
});

describe('collect, collectContent, drain and discard', () => {
  it('collect copies the chunks of a source that reuses its memory', async () => {
    const source = reused([Buffer.from('one '), Buffer.from('two '), Buffer.from('three')]);
    assert.equal(Buffer.from(await collect(source, { limit: 13, what: 'text' })).toString(), 'one two three');
  });

  it('collect accepts as many bytes as the limit and not one more', async () => {
    assert.equal((await collect(reused(sized(4, 4)), { limit: 8, what: 'text' })).byteLength, 8);
    await assert.rejects(collect(reused(sized(4, 5)), { limit: 8, what: 'text' }), {
      code: 'TOO_LARGE',
      expected: 8,
      actual: 9,
    });
  });

  it('collect ends an endless source at the limit', async () => {
    let letGo = false;
    async function* endless(): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(1024);
      } finally {
        letGo = true;
      }
    }
    await failsWith(collect(endless(), { limit: 4096, what: 'text' }), 'TOO_LARGE');
    assert.equal(letGo, true);
  });

  it('collectContent reads corrupt bytes once more, and only once', async () => {
    const good = new TextEncoder().encode('hello');
    const bad = new TextEncoder().encode('jello');
    const digest = digestOf(good);
    for (const spoilt of [0, 1, 2]) {
      let opened = 0;
      const content: Content = {
        replayable: true,
        open: () => verified(bytesContent(opened++ < spoilt ? bad : good).open(), { digest }),
      };
      const read = collectContent(content, { limit: 5, what: 'greeting' });
      if (spoilt < 2) assert.deepEqual(await read, good);
      else await failsWith(read, 'DIGEST_INVALID');
      assert.equal(opened, Math.min(2, spoilt + 1));
    }
  });

  it('collectContent refuses corrupt bytes of a one-shot source', async () => {
    const digest = digestOf(new TextEncoder().encode('hello'));
    const content = streamContent(verified(bytesContent(new Uint8Array(5)).open(), { digest }));
    await failsWith(collectContent(content, { limit: 5, what: 'greeting' }), 'DIGEST_INVALID');
  });

  it('drain returns the number of bytes', async () => {
    assert.equal(await drain(reused(sized(4, 0, 5))), 9);
  });

  it('discard releases a source without reading it', async () => {
    const asked: string[] = [];
    await discard({
      [Symbol.asyncIterator]: () => ({
        next: async () => assert.fail('was read'),
        async return() {
          asked.push('return');
          return { done: true, value: undefined };
        },
      }),
    });
    await discard({ [Symbol.asyncIterator]: () => ({ next: async () => assert.fail('was read') }) });
    assert.deepEqual(asked, ['return']);
  });
});
