import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Client, createClient } from '../../src/client/client.ts';
import { CopyError, isGantryError } from '../../src/errors.ts';
import { measure } from '../../src/flow/hash.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobOf, giveImage, noise, type SampleBlob } from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { servedBy } from './front.ts';
import { type RawAnswer, type RawServer, rawServer, rude } from './raw-front.ts';

/**
 * A registry that breaks the rules on the wire. Each image arrives whole, or its transfer fails with a code for the fault and
 * leaves no file.
 */

const mebibyte = 1024 * 1024;
const small: SampleBlob = blobOf(noise(50_000));
const large: SampleBlob = blobOf(noise(34 * mebibyte));

interface Row {
  readonly name: string;
  readonly raw: () => RawServer;
  readonly layer?: SampleBlob;
  /** The codes of a transfer that fails. Without them the image arrives. */
  readonly codes?: readonly string[];
  /** Whether the image may arrive all the same. */
  readonly mayArrive?: true;
}

/** Sets headers of an answer; an empty list removes one. */
function withHeaders(answer: RawAnswer, headers: RawAnswer['headers']): RawAnswer {
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

function lengthBy(factor: number, times = Number.POSITIVE_INFINITY): NonNullable<RawServer['blob']> {
  return (answer, { number }) => {
    if (number >= times || answer.body.byteLength < 1000) return answer;
    return withHeaders(answer, { 'content-length': [String(Math.floor(answer.body.byteLength * factor))] });
  };
}

/** The whole blob in place of a part. */
function whole(answer: RawAnswer): RawAnswer {
  return withHeaders(
    { ...answer, status: 200, body: large.bytes },
    {
      'content-range': [],
      'content-length': [String(large.bytes.byteLength)],
    },
  );
}

const rows: readonly Row[] = [
  { name: 'every head in pieces of one byte', raw: rude.byteByByte },
  { name: '100 informational answers before every answer', raw: rude.interim },
  {
    name: 'an answer that was not asked for after every answer',
    raw: rude.unaskedAfter,
    // An answer that crosses the next request of its connection passes for the answer to it.
    codes: [
      'NO_CONNECTION',
      'CUT_OFF',
      'MANIFEST_INVALID',
      'UNEXPECTED_ANSWER',
      'DIGEST_INVALID',
      'SIZE_INVALID',
    ],
    mayArrive: true,
  },
  {
    name: 'an answer before the request on every connection',
    raw: rude.unaskedBefore,
    // An answer that crosses the first request of its connection passes for the answer to it.
    codes: ['NO_CONNECTION', 'CUT_OFF', 'MANIFEST_INVALID'],
  },
  {
    name: 'a Content-Length that is too long, once',
    raw: () => ({ ends: true, blob: lengthBy(2, 1) }),
  },
  {
    name: 'a Content-Length that is always too long',
    raw: () => ({ ends: true, blob: lengthBy(2) }),
  },
  {
    name: 'a Content-Length that is too short, once',
    raw: () => ({ blob: lengthBy(0.5, 1) }),
  },
  {
    name: 'a Content-Length that is always too short',
    raw: () => ({ blob: lengthBy(0.5) }),
    codes: ['CUT_OFF'],
  },
  {
    name: 'a part once, and later the whole blob for every Range',
    layer: large,
    raw: () => ({
      blob: (answer, { range }) =>
        range === undefined || range.startsWith('bytes=0-') ? answer : whole(answer),
    }),
  },
  {
    name: 'the beginning of the blob for every Range, with a true Content-Range',
    layer: large,
    raw: () => ({
      blob: (answer, { number, range }) =>
        number === 0 || range === undefined
          ? answer
          : withHeaders(
              { ...answer, body: large.bytes.subarray(0, mebibyte) },
              {
                'content-range': [`bytes 0-${mebibyte - 1}/${large.bytes.byteLength}`],
                'content-length': [String(mebibyte)],
              },
            ),
    }),
  },
  {
    name: 'other bytes for a Range, with a Content-Range that lies',
    layer: large,
    raw: () => ({
      blob: (answer, { number, range }) =>
        number > 0 && range !== undefined ? { ...answer, body: answer.body.map((byte) => byte ^ 1) } : answer,
    }),
    codes: ['DIGEST_INVALID'],
  },
  {
    name: 'a Content-Range with a size that is too small',
    layer: large,
    raw: () => ({
      blob: (answer, { range }) => {
        const [said = ''] = answer.headers['content-range'] ?? [];
        if (range === undefined || !said.endsWith(`/${large.bytes.byteLength}`)) return answer;
        return withHeaders(answer, { 'content-range': [said.replace(/\d+$/, String(33 * mebibyte))] });
      },
    }),
  },
];

/** Returns the code of the failure; undefined if the transfer succeeds. */
async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    assert.ok(isGantryError(error), String(error));
    const { cause } = error;
    return error instanceof CopyError ? (isGantryError(cause) ? cause.code : String(cause)) : error.code;
  }
}

async function play(test: TestContext, { raw, layer = small, codes, mayArrive }: Row): Promise<void> {
  const registry: Registry = createMemoryRegistry();
  await giveImage(registry.repository('app'), { layers: [layer] }, '1');
  const target = createMemoryRegistry();
  const targetHost = await servedBy(test, target);
  const path = await folder(test);
  const place = join(path, 'place');
  const { digest } = layer.descriptor;
  const ways = [
    {
      bring: (host: string) => client.pull([`${host}/app:1`], place, { format: 'oci' }),
      check: async () => {
        await using layout = await openLayout(place, { mode: 'read' });
        return await measure(layout.blobs.open(layer.descriptor).open());
      },
      isUntouched: async () => assert.deepEqual(await readdir(path), []),
    },
    {
      bring: (host: string) => client.copy(`${host}/app:1`, `${targetHost}/copy:1`),
      check: () => measure(target.repository('copy').blobs.open(layer.descriptor).open()),
      isUntouched: async () => {
        const { blobs, manifests } = target.repository('copy');
        assert.equal(await manifests.resolve('1'), undefined);
        if (!mayArrive) assert.equal(await blobs.stat(digest), undefined);
      },
    },
  ];
  const retry = { attempts: 3, initial: 1 };
  const client = createClient({
    keychain: async () => undefined,
    retry: { ...retry, uploads: retry, downloads: retry },
  });
  atEnd(test, () => client[Symbol.asyncDispose]());
  await readUnsized(client, await rawServer(test, registry, raw()), digest);
  for (const { bring, check, isUntouched } of ways) {
    const host = await rawServer(test, registry, raw());
    const code = await codeOf(bring(host));
    if (code === undefined) {
      assert.ok(codes === undefined || mayArrive, 'the transfer did not fail');
      assert.equal((await check()).digest, digest);
      continue;
    }
    assert.ok(codes?.includes(code), `${code} is none of ${codes?.join(', ')}`);
    await isUntouched();
  }
}

/** Without a size, a Content-Length that is too short shows only in the digest. */
async function readUnsized(client: Client, host: string, digest: string): Promise<void> {
  try {
    assert.equal((await measure(client.openBlob(`${host}/app@${digest}`).open())).digest, digest);
  } catch (error) {
    assert.ok(isGantryError(error), String(error));
    assert.ok(
      ['CUT_OFF', 'NO_CONNECTION', 'DIGEST_INVALID', 'SIZE_INVALID'].includes(error.code),
      error.code,
    );
  }
}

describe('rules-of-the-wire: a registry that sends', () => {
  for (const row of rows) {
    const failure = `fails with ${row.codes?.join(' or ')}`;
    const outcome =
      row.codes === undefined || row.mayArrive
        ? `brings the whole image${row.mayArrive ? ` or ${failure}` : ''}`
        : failure;
    it(`rules-of-the-wire: a registry that sends ${row.name} ${outcome}`, { timeout: 120_000 }, (test) =>
      play(test, row),
    );
  }
});
