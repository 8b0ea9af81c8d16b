import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { collect } from '../collect.ts';
import { piecedGzip } from './pieced-gzip.ts';

const piece = 512 * 1024;

/** Bytes that look like nothing that came before, but are the same in every run. */
function noise(size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < size; at += 32) parts.push(createHash('sha256').update(String(at)).digest());
  return Buffer.concat(parts).subarray(0, size);
}

async function* inChunks(bytes: Uint8Array, step: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += step) yield bytes.subarray(at, at + step);
}

async function packed(bytes: Uint8Array, { level = 1, step = 64 * 1024 } = {}): Promise<Buffer> {
  const whole = await collect(piecedGzip(inChunks(bytes, step), level), { limit: 2 ** 26, what: 'layer' });
  return Buffer.from(whole);
}

describe('piecedGzip', () => {
  for (const size of [0, 1, piece - 1, piece, piece + 1, 3 * piece, 9 * piece + 7]) {
    it(`piecedGzip gives zlib and gzip ${size} bytes again, in one member`, async () => {
      const bytes = noise(size);
      const result = await packed(bytes);
      assert.ok(gunzipSync(result).equals(bytes));
      const { status, stdout } = spawnSync('gzip', ['-dc'], { input: result, maxBuffer: 2 ** 26 });
      assert.equal(status, 0);
      assert.ok(stdout.equals(bytes));
      assert.equal(result.readUInt32LE(result.byteLength - 4), size);
    });
  }

  it('piecedGzip compresses a piece or less as zlib does.', async () => {
    const bytes = Buffer.from('the same words again and again. '.repeat(9000));
    const own = gzipSync(bytes, { level: 6 });
    // The system.
    own[9] = 255;
    assert.ok((await packed(bytes, { level: 6 })).equals(own));
  });

  it('piecedGzip finds a match in the piece before.', async () => {
    const start = noise(piece);
    const again = Buffer.concat([start, start.subarray(-16 * 1024)]);
    const more = (await packed(again)).byteLength - (await packed(start)).byteLength;
    assert.ok(more < 1024, `${more} bytes more`);
  });

  it('The output does not depend on the chunks of the source.', async () => {
    const bytes = noise(2 * piece + 100);
    const [one, other] = [await packed(bytes, { step: 4096 }), await packed(bytes, { step: 3 * piece })];
    assert.ok(one.equals(other));
  });

  it('A source may use the memory of a chunk again.', async () => {
    const bytes = noise(3 * piece);
    const memory = Buffer.alloc(100_000);
    const reusing = async function* (): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.byteLength; at += memory.byteLength) {
        const part = bytes.subarray(at, at + memory.byteLength);
        memory.set(part);
        yield memory.subarray(0, part.byteLength);
        memory.fill(0);
      }
    };
    const result = await collect(piecedGzip(reusing(), 1), { limit: 2 ** 26, what: 'layer' });
    assert.ok(gunzipSync(result).equals(bytes));
  });

  it('An error of the source ends it after the pieces that are under way, unchanged.', async () => {
    const failure = new Error('the cable is out');
    const failing = async function* (): AsyncIterable<Uint8Array> {
      yield noise(3 * piece);
      throw failure;
    };
    await assert.rejects(
      collect(piecedGzip(failing(), 1), { limit: 2 ** 26, what: 'layer' }),
      (error) => error === failure,
    );
  });

  it('A reader that leaves ends the source, with several pieces under way.', async () => {
    let isOver = false;
    const endless = async function* (): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield noise(piece);
      } finally {
        isOver = true;
      }
    };
    let chunks = 0;
    for await (const _ of piecedGzip(endless(), 1)) if (++chunks === 3) break;
    assert.ok(isOver);
  });
});
