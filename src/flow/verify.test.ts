import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type Algorithm, parseDigest } from '../spec/digest.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { collect } from './collect.ts';
import { counted } from './count.ts';
import { createHasher, digestOf, measure } from './hash.ts';
import { type Expected, verified } from './verify.ts';

const hello = new TextEncoder().encode('hello');

async function* inChunks(bytes: Uint8Array, step: number, onRead?: () => void): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += step) {
    onRead?.();
    yield bytes.subarray(at, at + step);
  }
}

function read(bytes: Uint8Array, expected: Expected): Promise<Uint8Array> {
  return collect(verified(inChunks(bytes, 2), expected), { limit: 1000, what: 'sample' });
}

describe('verified', () => {
  for (const algorithm of ['sha256', 'sha512'] satisfies Algorithm[]) {
    it(`verified passes bytes with the right ${algorithm} through`, async () => {
      const digest = digestOf(hello, algorithm);
      assert.deepEqual(await read(hello, { digest }), hello);
      assert.deepEqual(await read(hello, { digest, size: 5 }), hello);
      assert.deepEqual(
        await read(new Uint8Array(), { digest: digestOf(new Uint8Array(), algorithm) }),
        new Uint8Array(),
      );
    });
  }

  it('verified fails for other bytes with both digests', async () => {
    const digest = digestOf(hello);
    const other = new TextEncoder().encode('HELLO');
    await assert.rejects(read(other, { digest, size: 5 }), {
      code: 'DIGEST_INVALID',
      expected: digest,
      actual: digestOf(other),
    });
  });

  it('verified fails for a source that ends early with the number of its bytes', async () => {
    await assert.rejects(read(hello.subarray(0, 3), { digest: digestOf(hello), size: 5 }), {
      code: 'SIZE_INVALID',
      expected: 5,
      actual: 3,
    });
  });

  it('verified stops before the first chunk beyond the size', async () => {
    let reads = 0;
    let handedOn = 0;
    const endless = inChunks(new Uint8Array(1000), 10, () => reads++);
    const source = counted(verified(endless, { digest: digestOf(hello), size: 25 }), (bytes) => {
      handedOn += bytes;
    });
    await assert.rejects(collect(source, { limit: 1000, what: 'sample' }), {
      code: 'SIZE_INVALID',
      expected: 25,
      actual: 30,
    });
    assert.deepEqual({ reads, handedOn }, { reads: 3, handedOn: 20 });
  });

  it('verified refuses a digest that gantry cannot compute before it reads a byte', async () => {
    let reads = 0;
    const source = inChunks(hello, 1, () => reads++);
    const digest = parseDigest(`blake3:${'0'.repeat(64)}`);
    await failsWith(collect(verified(source, { digest }), { limit: 10, what: 'sample' }), 'UNSUPPORTED');
    assert.equal(reads, 0);
  });

  it('verified names the source in its error as the caller does', async () => {
    const what = 'blob of ghcr.io/acme/app';
    await assert.rejects(
      read(hello, { digest: digestOf(new Uint8Array()), what }),
      /blob of ghcr\.io\/acme\/app/,
    );
  });
});

describe('createHasher and digestOf', () => {
  it('a digest does not depend on the size of the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 70 }),
        async (bytes, step) => {
          const expected = { digest: digestOf(bytes), size: bytes.byteLength };
          assert.deepEqual(await measure(inChunks(bytes, step)), expected);
          await collect(verified(inChunks(bytes, step), expected), { limit: 200, what: 'sample' });
        },
      ),
    );
  });

  it('digestOf computes the digests of the published examples', () => {
    const empty = createHasher();
    assert.equal(empty.digest(), 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    assert.equal(
      digestOf(new TextEncoder().encode('abc'), 'sha512'),
      'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    );
  });
});
