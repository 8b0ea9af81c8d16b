import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { noZstd, zstdBomb, zstdFrameOf, zstdOf, zstdSkippable } from '../../../test/zstd.ts';
import { noise } from '../../testing/contract/sample.ts';
import { ZstdDamage } from './damage.ts';
import { zstdDecompressed } from './frames.ts';
import { zstdFrames } from './split.ts';

/** The text that the two frames below hold: words by a generator of random numbers. */
function sampleText(): Buffer {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
  const words = ['layer', 'image', 'config', 'digest', 'registry', 'tar', 'blob', 'index'];
  let text = '';
  while (text.length < 3000)
    text += `${words[random(8)]}${random(5) === 0 ? `-${random(1000)}` : ''}${random(9) === 0 ? '\n' : ' '}`;
  return Buffer.from(text.slice(0, 3000));
}

/** The output of zstd for the text at level 1, in one stream of literals, and at level 19. */
const packed = {
  level1:
    'KLUv/WS4Cp0bAEYYPRqAJ20DyI3nY8HSD4sABuZOdnd391EOmVHGAj8AMQAxAAOZ1N0vtA+0fJqdYBXWfgwEM0AMvrxJ4xSKQyAECAoAxGAIICDIAUoFBGFApPLepZ8KBgIRQJBJBA0HpiDIpMuJXC92V95z200yKQ/fek/92MJ3kwafvTJ/jC+tt/ZAJpGru+K+N7vwVet2RyaRxHz6zG++ysx+d4inUJxRzR+J/dx96b1YHRu/mKX4j1MoTusN+623btuP29Tb9wcXd2eR5BSKY5WvxiOTFrHytvVSxNS+9bQz5+30xZ5qTz1W/qxPP0rB7/KRSWNzbxLXdinyGQOBaqixzlgqKBSG7SEEGQkT19EDESA8TztGkyTNAbJ+WXZkuOyJH/eQspGlKhBvmNUNA4kZjlYkslQDI4DMQcgGpfrh6ANFURQjl9ItDPVDUBphoEyOvRlkgyMCn/Ah8aJNveQhMjiUc7ErF1oWShxlBqWmPPwb+srn0C4a+0EQSKK9fKiXMpDBAI0t1ihI9BLdu9Nf5UHFGx0fYqjceDT87PQu2VnUxCBMNX/uv4Ttk2CIebkNsV4TnZga/2D4IRPYsM/lSAe2QBGevUDtISCIuWZnMJ/qK3kUEVR5Q52QmLXU5k4QuEQPaOxWtVAMvEyMzkw+HdoReLU35v0pM12w2paXtHtq2LxaSbgTSe0r6zE/cp2DnxxbKKdPDWjxCkkz4srVCo9wheQxHRXgiI7jIT6umryErqzVYpBRUzpNLtOKMfZJUqFyEBhlUmMMDKDQWzxbTTkl5w+LTTmxxe0j98RkJMTf4ZY85xgNIzl4gatV9JFQOBZFlbrNVgWyQHi9ek/Zei8rDhqS6+G7kyYcpv0NOCGXU3H8WWsZLnU18rxrWYWdRTQkOLFNBVD9JBJa0Ar7CytasVtYwUMTxMmFKIM5ibckmncckCWLHTCW3y7iCd5ZsFwTJ1EfRncEvLLEb6wmXAB7KgPsCXrLAW/mW6Wt5DA3D7pFOpPe1v2Up7veYQUCZFWJRlsnxHFrvrAHKqjtYiqIPoK7Ml8uWU/pFwzrhC7mCZQA9dkjWx7o4sqgsIU2MGBWeJQaKd/Q4hWwZEAL79rNQ2HDPMXrVIRXWZDG4VM0jRVO3bAoLEyxWLHOzjAUIFrJABjfJmwZBeNCNaJT5wHaCxiLaxUDVI1e',
  level19:
    'KLUv/WS4Cj0XAGYTMhWQqwOdcUfpi7YwM7Jssps0fLhLbAYzACkAKACluLaIlvROr62KI1CQ8lwrgUmEAzEWZkhQQSxIiprHQY6iSbf5wNvjFAdCpKaIgiQ1wROufgAmdn+sTbVnXa4G3C7LE283XY/v+S0vjbW/9wE35sO01ar0/6doAb1/iJiZp2r3bqtf213HaQCevlrrsVrpM+r3s17jP7ZlL2dv8vP/vQ54e6+tureI37cAMgJ9t5jcEcBaRt+kt5b45skAoNXt1evXps+aXHkvgQiogRKpKVSGAyEIAYWBlFrqAyEIhfEEzDCqSiXph67rR2TLtkMOxyY0w2t0fblmlGM0dUeMAPB6icw7AL5zn1+WtH7D+mtMUYwBfTJ0n1pnQh4+hyKkwuQHgvoi05JaiTVxlirjAmnxmnmYT6cJiUb5iZ+QG/QGzDdTqidoyEYzY/x7I+Ix8RMnQfWLlDyixOWRO+PpwffgjysLm/09LvgFg8CAIZW3cz7Z3a+dD4pgXlAzNAQ8UYf4JyyZUmDAKRUXQ3BIhiHwMQAx81W+gsVs3WWUq4icJ2Jhs6N/StqDBlCpzBA6Yht0aEeUDsMlTN4ZZdOiX8XFpSUC6UifJWQy0cS+TT/GEq9dpxkJbjUirf0hEny2qBxMAhELlNaAwz3lirDU7LPgUhm0aQYivRsRZhM1kGHabYPMoAiilFDE7L/ea3JET4kwxRNNFH4nNrPB+5EEcPyb6KEE3gUuUgwcmESs2Wa8GN3LETto4NRdpOk8KZsihMMKXWCq1kmla7a8V4e3xXp4PjLRYdmZAy+gJUD3GDJsuhn7M9c9B/cP+5JeC7EWQ4VMyY+D9cQAg8iBWDxHUoKt3F+6AjjfZR4zVS+ZOg2XVrtFZmLJ6AzZQ82TrEmAsbHNIaUGelzbopDPs7xAWeKsvuJI2gwyQQCqswmrj6HCCqgEHIt0L1zsA0p3kthA7y0RkqyLfu1mmdXUrP4twkf8Xa0/A1SNXg==',
} as const;

const text = sampleText();
const frames = Object.entries(packed).map(([name, base64]) => [name, Buffer.from(base64, 'base64')] as const);
const [frame = Buffer.alloc(0)] = frames.map(([, bytes]) => bytes);

/** Yields bytes in pieces of a size, all in one buffer. */
async function* pieces(bytes: Uint8Array, step: number): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(step);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const part = bytes.subarray(at, at + step);
    buffer.set(part);
    yield buffer.subarray(0, part.byteLength);
    buffer.fill(0xee);
  }
}

async function unpacked(bytes: Uint8Array, step: number = 1000): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of zstdDecompressed(pieces(bytes, step))) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

function damaged(error: unknown): boolean {
  return error instanceof ZstdDamage;
}

function raw(bytes: Uint8Array) {
  return { type: 0, size: bytes.byteLength, bytes } as const;
}

describe('zstdDecompressed', () => {
  for (const [name, bytes] of frames) {
    it(`a frame of ${name} unpacks, from pieces of any size`, async () => {
      for (const step of [1, 7, 1000]) assert.ok((await unpacked(bytes, step)).equals(text));
    });
  }

  it('frames follow each other, with skippable and empty ones between', async () => {
    const empty = zstdFrameOf([raw(new Uint8Array(0))]);
    const all = Buffer.concat([
      zstdSkippable(5),
      frame,
      zstdSkippable(0),
      empty,
      zstdSkippable(3000),
      frame,
      zstdSkippable(64),
    ]);
    assert.ok((await unpacked(all)).equals(Buffer.concat([text, text])));
    assert.equal((await unpacked(new Uint8Array(0))).byteLength, 0);
    assert.equal((await unpacked(zstdSkippable(9))).byteLength, 0);
  });

  it('stored and repeated bytes unpack, far beyond the window', async () => {
    const block = noise(100_000);
    const repeated = { type: 1, size: 70_000, bytes: Uint8Array.of(7) } as const;
    const blocks = Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? raw(block) : repeated));
    const whole = Buffer.concat(
      blocks.map(({ type, bytes }) => (type === 0 ? bytes : new Uint8Array(70_000).fill(7))),
    );
    assert.ok((await unpacked(zstdFrameOf(blocks))).equals(whole));
  });

  for (const words of [
    ['-1'],
    ['-3'],
    ['-9'],
    ['-19'],
    ['--fast=5'],
    ['-2', '--long=27'],
    ['--no-check', '-5'],
  ]) {
    it(`content of several kinds unpacks at ${words.join(' ')}`, { skip: noZstd }, async () => {
      const kinds = [
        text,
        noise(700_000),
        Buffer.concat(
          Array.from({ length: 300 }, (_, at) =>
            Buffer.concat([text.subarray(at * 7, at * 7 + 900), noise(at)]),
          ),
        ),
        new Uint8Array(3_000_000),
        Buffer.from(Array.from({ length: 400_000 }, (_, at) => ((at * at) % 251) & (at >> 7))),
      ];
      for (const bytes of [...kinds, Buffer.concat([...kinds, ...kinds])])
        assert.ok((await unpacked(zstdOf(bytes, ...words), 65_536)).equals(bytes));
    });
  }

  it('any bytes unpack to themselves', { skip: noZstd }, async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(fc.constantFrom(1, 2, 3, 200), { maxLength: 3000 }).map((list) => Uint8Array.from(list)),
    );
    const level = fc.constantFrom('-1', '-3', '-19');
    await fc.assert(
      fc.asyncProperty(bytes, level, async (content, words) =>
        assert.ok((await unpacked(zstdOf(content, words))).equals(content)),
      ),
      { numRuns: 60 },
    );
  });

  it('a stream that is cut off anywhere is damaged', async () => {
    for (let end = 1; end < frame.byteLength; end += 1)
      await assert.rejects(unpacked(frame.subarray(0, end)), damaged, `${end} bytes`);
    await assert.rejects(unpacked(zstdSkippable(100).subarray(0, 50)), damaged);
  });

  it('a changed byte gives damage or other bytes, and never any other error or an endless reading', async () => {
    for (const [, bytes] of frames) {
      for (let at = 4; at < bytes.byteLength; at += 2) {
        for (const bit of [1, 0x80]) {
          const changed = Uint8Array.from(bytes);
          changed[at] = (changed[at] ?? 0) ^ bit;
          await unpacked(changed).catch((error: unknown) => assert.ok(damaged(error), String(error)));
        }
      }
    }
  });

  // Compressors write the forms below rarely or never, so these blocks are made by hand.
  for (const [name, block, content] of [
    ['one byte of literals, repeated 20 times', [(20 << 3) | 1, 7, 0], new Uint8Array(20).fill(7)],
    ['one byte, repeated 3000 times', [0x85, 0xbb, 7, 0], new Uint8Array(3000).fill(7)],
    ['one byte, repeated 100000 times', [0x0d, 0x6a, 0x18, 7, 0], new Uint8Array(100_000).fill(7)],
    // 98 weights of four bits, the last two of them 1: a code of one bit for a and for b.
    [
      'codes whose weights are stored as they are',
      [0x42, 0xc0, 0x0c, 225, ...Array<number>(48).fill(0), 0x01, 0b1_0110, 0],
      Buffer.from('abba'),
    ],
  ] as const) {
    it(`a block of ${name} unpacks`, async () => {
      const bytes = Uint8Array.from(block);
      assert.deepEqual(
        await unpacked(zstdFrameOf([{ type: 2, size: bytes.byteLength, bytes }])),
        Buffer.from(content),
      );
    });
  }

  it('a block may have more than 32,512 sequences', async () => {
    const start = Buffer.from('abcdefgh');
    // All codes are 0: no literals, three bytes, and the distance before the last one, which is 4 and 1 in turn.
    const block = Uint8Array.of(0, 255, 1, 0, 0b01_01_01_00, 0, 0, 0, 1);
    const whole = Buffer.alloc(8 + 3 * 32_513);
    start.copy(whole);
    for (let at = 8, turn = 0; at < whole.byteLength; turn++)
      for (const stop = at + 3; at < stop; at++) whole[at] = whole[at - (turn % 2 === 0 ? 4 : 1)] ?? 0;
    const frame = zstdFrameOf([raw(start), { type: 2, size: block.byteLength, bytes: block }], 0x80);
    assert.ok((await unpacked(frame)).equals(whole));
  });

  it('a match may be 48 MiB before', async () => {
    const [start, distance] = [noise(34), 48 * 2 ** 20];
    const holes = { type: 1, size: 128 * 1024, bytes: Uint8Array.of(0) } as const;
    const blocks = Array.from({ length: 383 }, () => holes);
    const rest = { ...holes, size: 128 * 1024 - 34 };
    // One sequence without literals: a match of 34 bytes, its distance in 25 further bits, and the marker above them.
    const block = Buffer.from([0, 1, 0b01_01_01_00, 0, 25, 31, 0, 0, 0, 0]);
    block.writeUInt32LE(distance + 3, 6);
    const frame = zstdFrameOf([raw(start), ...blocks, rest, { type: 2, size: 10, bytes: block }], 0x88);
    const hash = createHash('sha256').update(start);
    hash.update(new Uint8Array(distance - 34)).update(start);
    const found = createHash('sha256');
    for await (const chunk of zstdDecompressed(pieces(frame, 4096))) found.update(chunk);
    assert.equal(found.digest('hex'), hash.digest('hex'));
  });

  for (const [name, bytes] of [
    [
      'bytes behind the literals of a block without sequences',
      zstdFrameOf([{ type: 2, size: 3, bytes: Uint8Array.of(0, 0, 0) }]),
    ],
    [
      'literals that repeat a byte that is missing',
      zstdFrameOf([{ type: 2, size: 1, bytes: Uint8Array.of((20 << 3) | 1) }]),
    ],
    [
      'literals with the codes of a block before, and none before',
      zstdFrameOf([{ type: 2, size: 5, bytes: Uint8Array.of(0x43, 0x40, 0, 1, 0) }]),
    ],
    ['a frame that needs a window of 2 GiB', zstdFrameOf([raw(text)], 0xa8)],
    ['a frame that needs a dictionary', Buffer.from('28b52ffd215005000001000061', 'hex')],
    ['a frame with a reserved bit', Buffer.from('28b52ffd0850010000', 'hex')],
    ['a block of the fourth kind', Buffer.from('28b52ffd0050070000', 'hex')],
    ['a block larger than the window', zstdFrameOf([raw(new Uint8Array(2000))], 0x00)],
    ['bytes behind a frame', Buffer.concat([frame, Buffer.from('and more')])],
    ['a match before the beginning', Buffer.from('28b52ffd00582d000008610100021c', 'hex')],
  ] as const) {
    it(`${name} is damage`, async () => {
      await assert.rejects(unpacked(bytes), damaged);
    });
  }

  it('a reader that leaves early ends the source, and a bomb is unpacked only as far as it is read', async () => {
    let hasEnded = false;
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield* pieces(zstdBomb(64), 4096);
      } finally {
        hasEnded = true;
      }
    }
    for await (const chunk of zstdDecompressed(source())) {
      assert.equal(chunk.byteLength, 128 * 1024);
      break;
    }
    assert.ok(hasEnded);
  });
});

async function readFrames(bytes: Uint8Array): Promise<void> {
  for await (const one of zstdFrames(pieces(bytes, 100))) for await (const _ of one);
}

describe('zstdFrames', () => {
  it('each frame comes whole, and skippable ones are left out', async () => {
    const repeated = zstdFrameOf([raw(text), { type: 1, size: 70_000, bytes: Uint8Array.of(7) }]);
    const all = Buffer.concat([zstdSkippable(5), frame, repeated, frame, zstdSkippable(1)]);
    for (const step of [1, 1000]) {
      const found: Buffer[] = [];
      for await (const one of zstdFrames(pieces(all, step))) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of one) chunks.push(Uint8Array.from(chunk));
        found.push(Buffer.concat(chunks));
      }
      assert.deepEqual(found, [frame, Buffer.from(repeated), frame]);
    }
  });

  it('a stream that is cut off anywhere is damaged', async () => {
    for (let end = 1; end < frame.byteLength; end += 1)
      await assert.rejects(readFrames(frame.subarray(0, end)), damaged, `${end} bytes`);
  });
});
