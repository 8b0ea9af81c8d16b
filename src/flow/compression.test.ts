import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { zstdSkippable } from '../../test/zstd.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { collect } from './collect.ts';
import { type Compression, decompressed, gzipped, sniffCompression } from './compression.ts';
import { digestOf } from './hash.ts';
import { verified } from './verify.ts';

/** Yields every chunk in the same memory, overwritten when the next one is requested. */
async function* reused(bytes: Uint8Array, step: number = 64 * 1024): AsyncIterable<Uint8Array> {
  const buffer = Buffer.alloc(step);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const part = bytes.subarray(at, at + step);
    buffer.set(part);
    yield buffer.subarray(0, part.byteLength);
    buffer.fill(0xee);
  }
}

/** Notes when the reader has left it. */
function watched(bytes: Uint8Array, step?: number) {
  const state = { letGo: false, finished: false };
  async function* source(): AsyncIterable<Uint8Array> {
    try {
      yield* reused(bytes, step);
      state.finished = true;
    } finally {
      state.letGo = true;
    }
  }
  return { source: source(), state };
}

async function unpack(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const bytes = await collect(decompressed(source, { what: 'layer' }), { limit: 2 ** 26, what: 'layer' });
  return Buffer.from(bytes);
}

const text = Buffer.from('the same words again and again. '.repeat(20_000));
const noise = randomFillSync(Buffer.alloc(300_000));
/** 16 MiB from 16 KiB: one chunk of input makes many of output, so the transform is always full. */
const bomb = zlib.gzipSync(Buffer.alloc(2 ** 24));

/** The frame that `zstd` makes of "hello zstd\n", without a checksum. */
const zstdFrame = Buffer.from('28b52ffd200b59000068656c6c6f207a7374640a', 'hex');

describe('sniffCompression', () => {
  for (const [name, start, expected] of [
    ['gzip', [0x1f, 0x8b, 8, 0], 'gzip'],
    ['the first two bytes of gzip', [0x1f, 0x8b], 'gzip'],
    ['zstd', [0x28, 0xb5, 0x2f, 0xfd, 0], 'zstd'],
    ['a skippable frame of zstd', [0x5a, 0x2a, 0x4d, 0x18, 0], 'zstd'],
    ['the beginning of a zstd magic', [0x28, 0xb5, 0x2f], 'none'],
    ['text', [0x68, 0x65, 0x6c, 0x6c], 'none'],
    ['nothing', [], 'none'],
  ] satisfies [string, number[], Compression][]) {
    it(`sniffCompression detects ${expected} in ${name}`, () =>
      assert.equal(sniffCompression(Uint8Array.from(start)), expected));
  }
});

describe('decompressed', () => {
  for (const [name, bytes, expected] of [
    ['decompressed unpacks gzip', zlib.gzipSync(text), text],
    ['decompressed unpacks gzip of incompressible bytes', zlib.gzipSync(noise), noise],
    ['decompressed unpacks empty gzip', zlib.gzipSync(''), Buffer.alloc(0)],
    [
      'decompressed unpacks the several gzip members of pigz and estargz as one stream',
      Buffer.concat([zlib.gzipSync(text), zlib.gzipSync(''), zlib.gzipSync(noise)]),
      Buffer.concat([text, noise]),
    ],
    [
      'decompressed unpacks gzip followed by zeros',
      Buffer.concat([zlib.gzipSync(text), Buffer.alloc(512)]),
      text,
    ],
    ['decompressed passes plain bytes through', noise, noise],
    ['decompressed passes a few plain bytes through', Buffer.from('abc'), Buffer.from('abc')],
    ['decompressed yields nothing for an empty source', Buffer.alloc(0), Buffer.alloc(0)],
  ] as const) {
    it(`${name}, from a source that reuses its memory`, async () => {
      for (const step of [1000, 64 * 1024]) assert.ok((await unpack(reused(bytes, step))).equals(expected));
    });
  }

  it('decompressed yields the same bytes for chunks of any size', async () => {
    const packed = zlib.gzipSync(text.subarray(0, 500));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: packed.byteLength }), async (step) => {
        assert.ok((await unpack(reused(packed, step))).equals(text.subarray(0, 500)));
      }),
      { numRuns: 30 },
    );
  });

  const packed = zlib.gzipSync(noise);
  const flipped = (at: number, bytes: Buffer = packed): Buffer => {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at);
    return damaged;
  };
  for (const [name, bytes] of [
    ['its method is unknown', flipped(2)],
    ['one byte has changed', flipped(10)],
    ['its checksum is wrong', flipped(packed.byteLength - 8)],
    ['its length is wrong', flipped(packed.byteLength - 1)],
    ['its checksum is wrong after much output', flipped(bomb.byteLength - 5, bomb)],
    ['it is cut off in the middle', packed.subarray(0, 1000)],
    ['it is cut off before its checksum', packed.subarray(0, -8)],
    ['only its header exists', packed.subarray(0, 10)],
    ['only three bytes exist', packed.subarray(0, 3)],
    ['text follows it', Buffer.concat([packed, Buffer.from('and more')])],
  ] as const) {
    it(`decompressed refuses gzip when ${name}, and releases the source`, async () => {
      for (const step of [1000, 2 ** 20]) {
        const { source, state } = watched(bytes, step);
        await failsWith(unpack(source), 'DIGEST_INVALID');
        assert.equal(state.letGo, true);
      }
    });
  }

  it('decompressed rethrows an error of the source unchanged at any position', async () => {
    for (const after of [0, 2, 3, 5000, packed.byteLength]) {
      const failure = new Error('the cable is out');
      const source = async function* (): AsyncIterable<Uint8Array> {
        if (after > 0) yield packed.subarray(0, after);
        throw failure;
      };
      await assert.rejects(unpack(source()), (error) => error === failure);
    }
  });

  it('decompressed rethrows a thrown value that is no Error unchanged', async () => {
    const words = 'words';
    const source = async function* (): AsyncIterable<Uint8Array> {
      yield packed;
      throw words;
    };
    await assert.rejects(unpack(source()), (error) => error === words);
  });

  it('decompressed reads a verifying source to its end, past the padding', async () => {
    const padded = Buffer.concat([zlib.gzipSync(text), Buffer.alloc(300_000)]);
    const { source, state } = watched(padded, 1000);
    assert.ok((await unpack(source)).equals(text));
    assert.equal(state.finished, true);
    const lying = verified(reused(padded, 1000), { digest: digestOf(text) });
    await failsWith(unpack(lying), 'DIGEST_INVALID');
  });

  for (const [name, bytes] of [
    ['gzip', zlib.gzipSync(noise)],
    ['gzip with a high ratio', bomb],
    ['plain bytes', noise],
  ] as const) {
    it(`decompressed releases the source of ${name} when the reader leaves early`, async () => {
      const { source, state } = watched(bytes, 4096);
      for await (const _ of decompressed(source, { what: 'layer' })) break;
      assert.deepEqual(state, { letGo: true, finished: false });
    });
  }

  it('decompressed unpacks zstd on every runtime, with all its frames', async () => {
    const frames = Buffer.concat([zstdSkippable(4), zstdFrame, zstdFrame, zstdSkippable(3), zstdFrame]);
    for (const step of [1, 5, 64]) {
      assert.equal((await unpack(reused(zstdFrame, step))).toString(), 'hello zstd\n');
      assert.equal((await unpack(reused(frames, step))).toString(), 'hello zstd\n'.repeat(3));
    }
  });

  for (const [name, bytes] of [
    ['its header is damaged', Buffer.concat([zstdFrame.subarray(0, 4), Buffer.alloc(99, 0xff)])],
    ['it is cut off', zstdFrame.subarray(0, -3)],
    ['its second frame is cut off', Buffer.concat([zstdFrame, zstdFrame.subarray(0, 9)])],
    ['text follows it', Buffer.concat([zstdFrame, Buffer.from('text')])],
  ] as const) {
    it(`decompressed refuses zstd when ${name}, and releases the source`, async () => {
      const { source, state } = watched(bytes, 10);
      await failsWith(unpack(source), 'DIGEST_INVALID');
      assert.equal(state.letGo, true);
    });
  }

  it('decompressed rethrows an error of a source in zstd unchanged, and releases it when the reader leaves', async () => {
    const failure = new Error('the cable is out');
    const source = async function* (): AsyncIterable<Uint8Array> {
      yield zstdFrame.subarray(0, 15);
      throw failure;
    };
    await assert.rejects(unpack(source()), (error) => error === failure);
    const many = watched(Buffer.concat(Array.from({ length: 999 }, () => zstdFrame)), 64);
    for await (const _ of decompressed(many.source, { what: 'layer' })) break;
    assert.deepEqual(many.state, { letGo: true, finished: false });
  });
});

async function pack(
  bytes: Uint8Array,
  options?: { readonly level?: number },
  step?: number,
): Promise<Buffer> {
  return Buffer.from(await collect(gzipped(reused(bytes, step), options), { limit: 2 ** 26, what: 'layer' }));
}

describe('gzipped', () => {
  it('zlib reads the output of gzipped', async () => {
    for (const bytes of [text, noise, Buffer.alloc(0)]) {
      assert.ok(zlib.gunzipSync(await pack(bytes)).equals(bytes));
    }
  });

  it('the header of gzipped holds no time and no operating system', async () => {
    for (const bytes of [text, Buffer.from('a'), Buffer.alloc(0)]) {
      const header = (await pack(bytes)).subarray(0, 10);
      assert.deepEqual([...header.subarray(0, 8)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
      assert.equal(header[9], 255);
    }
  });

  it('the output of gzipped does not depend on the size of the chunks', async () => {
    const whole = await pack(text);
    for (const step of [999, 4096, 2 ** 20]) assert.ok((await pack(text, {}, step)).equals(whole));
  });

  it('the output of gzipped is smaller at a higher level', async () => {
    assert.ok((await pack(text, { level: 9 })).byteLength < (await pack(text, { level: 1 })).byteLength);
  });

  it('gzipped rethrows an error of the source unchanged and releases it when the reader leaves', async () => {
    const failure = new Error('the cable is out');
    const failing = async function* (): AsyncIterable<Uint8Array> {
      yield noise;
      throw failure;
    };
    await assert.rejects(
      collect(gzipped(failing()), { limit: 2 ** 26, what: 'layer' }),
      (error) => error === failure,
    );
    const { source, state } = watched(noise, 4096);
    for await (const _ of gzipped(source)) break;
    assert.equal(state.letGo, true);
  });
});
