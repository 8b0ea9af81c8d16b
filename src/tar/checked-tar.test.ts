import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { checkedTar } from './checked-tar.ts';
import { writeTar } from './write.ts';

const file = (name: string, size: number) => ({
  name,
  size,
  body: bytesContent(new Uint8Array(size).fill(7)).open(),
});
const limits = { limit: 2 ** 24, what: 'the tar' };
const tar = await collect(writeTar([file('a', 3_000_000), file('b', 0), file('c', 513)]), limits);

/** Yields pieces of one buffer that the next piece overwrites, as a connection does. */
async function* pieces(bytes: Uint8Array, step: number): AsyncIterable<Uint8Array> {
  const room = new Uint8Array(step);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const part = bytes.subarray(at, at + step);
    room.set(part);
    yield room.subarray(0, part.byteLength);
    room.fill(0xee);
  }
}

describe('checkedTar', () => {
  it('passes on the bytes of a tar, and those behind its end, from chunks of any size', async () => {
    const whole = new Uint8Array(Buffer.concat([tar, Buffer.from('behind the end')]));
    for (const step of [511, 40_000, 5_000_000]) {
      const passed = await collect(checkedTar(pieces(whole, step)), limits);
      assert.ok(Buffer.from(passed).equals(whole), `chunks of ${step} bytes`);
    }
  });

  for (const [name, bytes, code] of [
    ['nothing', new Uint8Array(0), 'MANIFEST_INVALID'],
    ['text', new TextEncoder().encode('text '.repeat(300)), 'MANIFEST_INVALID'],
    ['a part of a header', tar.subarray(0, 100), 'MANIFEST_INVALID'],
    ['a tar that is cut off in a header', tar.subarray(0, 512 + 3_000_320 + 100), 'SIZE_INVALID'],
    ['a tar that is cut off in a file', tar.subarray(0, 1_000_000), 'SIZE_INVALID'],
    ['a tar that is cut off before the padding of a file', tar.subarray(0, 512 + 3_000_000), 'SIZE_INVALID'],
  ] as const) {
    it(`refuses ${name}`, async () => {
      await assert.rejects(collect(checkedTar(pieces(bytes, 4096), { what: 'the layer' }), limits), {
        code,
        message: /the layer/,
      });
    });
  }

  it('ends the source when its reader leaves or aborts', async () => {
    for (const leave of ['return', 'abort'] as const) {
      let hasEnded = false;
      const source = async function* (): AsyncIterable<Uint8Array> {
        try {
          yield* pieces(tar, 4096);
        } finally {
          hasEnded = true;
        }
      };
      const abort = new AbortController();
      const read = async (): Promise<void> => {
        for await (const _ of checkedTar(source(), { signal: abort.signal })) {
          if (leave === 'return') return;
          abort.abort(new Error('the user left'));
        }
      };
      if (leave === 'return') await read();
      else await assert.rejects(read(), /the user left/);
      assert.ok(hasEnded, leave);
    }
  });
});
