import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { failsWith } from '../../testing/contract/sample.ts';
import { collect } from '../collect.ts';
import { codec, createCodec } from './compression.ts';

const text = Buffer.from('the same words again and again. '.repeat(20_000));
const noise = randomBytes(300_000);
const onDamage = (cause: unknown): never => {
  throw new Error('damaged', { cause });
};
const options = { compression: 'gzip', what: 'layer', onDamage } as const;

/** Yields every chunk in the same memory, which is overwritten when the next one is requested. */
async function* reused(bytes: Uint8Array, step: number = 10_000): AsyncIterable<Uint8Array> {
  const buffer = Buffer.alloc(step);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const part = bytes.subarray(at, at + step);
    buffer.set(part);
    yield buffer.subarray(0, part.byteLength);
    buffer.fill(0xee);
  }
}

const all = (source: AsyncIterable<Uint8Array>): Promise<Uint8Array> =>
  collect(source, { limit: 2 ** 26, what: 'layer' });

async function* broken(): AsyncIterable<Uint8Array> {
  yield gzipSync(noise).subarray(0, 1000);
  throw new RangeError('the disk is gone');
}

/** The constructor of a stream in a runtime that knows no format. */
function refuse(format: string): never {
  throw new TypeError(`unknown format ${format}`);
}

describe('compression without node:zlib', () => {
  for (const [name, bytes] of [
    ['text', text],
    ['noise', noise],
    ['nothing', Buffer.alloc(0)],
  ] as const) {
    it(`decompress gives the ${name} that node:zlib has compressed`, async () => {
      const unpacked = await all(codec.decompress(reused(gzipSync(bytes)), options));
      assert.deepEqual(Buffer.from(unpacked), bytes);
    });

    it(`compress makes a gzip stream of ${name} that node:zlib unpacks`, async () => {
      const packed = await all(codec.compress(reused(bytes), { compression: 'gzip' }));
      assert.deepEqual(gunzipSync(packed), bytes);
    });
  }

  it('decompress reports a damaged and a truncated stream', async () => {
    const packed = gzipSync(noise);
    const flipped = Buffer.from(packed);
    flipped.fill(0xff, 1000, 1100);
    for (const wrong of [flipped, packed.subarray(0, 200_000)]) {
      await assert.rejects(all(codec.decompress(reused(wrong), options)), { message: 'damaged' });
    }
  });

  it('decompress and compress rethrow the error of their source', async () => {
    const gone = { name: 'RangeError', message: 'the disk is gone' };
    await assert.rejects(all(codec.decompress(broken(), options)), gone);
    await assert.rejects(all(codec.compress(broken(), { compression: 'gzip' })), gone);
  });

  it('a reader that leaves early ends the source', async () => {
    let hasEnded = false;
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield* reused(gzipSync(noise));
      } finally {
        hasEnded = true;
      }
    }
    for await (const chunk of codec.decompress(source(), options)) {
      assert.ok(chunk.byteLength > 0);
      break;
    }
    assert.ok(hasEnded);
  });

  it('a level of gzip is UNSUPPORTED', async () => {
    await failsWith(
      attempt(() => codec.compress(reused(text), { compression: 'gzip', level: 9 })),
      'UNSUPPORTED',
    );
  });

  it('a compression that the runtime does not know is UNSUPPORTED, but for reading zstd', async () => {
    const older = createCodec({
      DecompressionStream: refuse,
    });
    const zstd = { ...options, compression: 'zstd' } as const;
    await failsWith(
      attempt(() => older.decompress(reused(text), options)),
      'UNSUPPORTED',
    );
    await failsWith(
      attempt(() => older.compress(reused(text), zstd)),
      'UNSUPPORTED',
    );
    const frame = Buffer.from('28b52ffd200b59000068656c6c6f207a7374640a', 'hex');
    assert.equal(Buffer.from(await all(older.decompress(reused(frame), zstd))).toString(), 'hello zstd\n');
  });
});

const attempt = async (act: () => AsyncIterable<Uint8Array>): Promise<Uint8Array> => all(act());
