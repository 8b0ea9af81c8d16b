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

describe('verified bytes', () => {
  for (const algorithm of ['sha256', 'sha512'] satisfies Algorithm[]) {
    it(`pass as they are when they have their ${algorithm}`, async () => {
      const digest = digestOf(hello, algorithm);
      assert.deepEqual(await read(hello, { digest }), hello);
      assert.deepEqual(await read(hello, { digest, size: 5 }), hello);
      assert.deepEqual(
        await read(new Uint8Array(), { digest: digestOf(new Uint8Array(), algorithm) }),
        new Uint8Array(),
      );
    });
  }

  it('that are others fail at the end with both digests', async () => {
    const digest = digestOf(hello);
    const other = new TextEncoder().encode('HELLO');
    await assert.rejects(read(other, { digest, size: 5 }), {
      code: 'DIGEST_INVALID',
      expected: digest,
      actual: digestOf(other),
    });
  });

  it('that end early fail with how many came', async () => {
    await assert.rejects(read(hello.subarray(0, 3), { digest: digestOf(hello), size: 5 }), {
      code: 'SIZE_INVALID',
      expected: 5,
      actual: 3,
    });
  });

  it('that are too many stop at the first chunk over the size, before it is handed on', async () => {
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

  it('of a digest that can not be computed are refused before one is read', async () => {
    let reads = 0;
    const source = inChunks(hello, 1, () => reads++);
    const digest = parseDigest(`blake3:${'0'.repeat(64)}`);
    await failsWith(collect(verified(source, { digest }), { limit: 10, what: 'sample' }), 'UNSUPPORTED');
    assert.equal(reads, 0);
  });

  it('are called what the caller calls them', async () => {
    const what = 'blob of ghcr.io/acme/app';
    await assert.rejects(
      read(hello, { digest: digestOf(new Uint8Array()), what }),
      /blob of ghcr\.io\/acme\/app/,
    );
  });
});

describe('a digest', () => {
  it('is the same however the bytes are cut', async () => {
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

  it('is that of the published examples', () => {
    const empty = createHasher();
    assert.equal(empty.digest(), 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    assert.equal(
      digestOf(new TextEncoder().encode('abc'), 'sha512'),
      'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
    );
  });
});
