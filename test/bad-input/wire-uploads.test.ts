import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, giveImage, noise, read } from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { servedBy } from './front.ts';
import { type RawServer, rawServer, rude } from './raw-front.ts';

/** A registry that breaks the rules on the wire while it takes an image: the image is there whole, or its copy fails with a code. */

const layer = blobOf(noise(50_000));

/** Says another length in the answers to uploads than their bodies have. */
const saying = (length: number, text: string): RawServer => ({
  ends: true,
  change: ({ status, headers }) => ({
    status,
    headers: { ...headers, 'content-length': [String(length)] },
    body: new TextEncoder().encode(text),
  }),
});

const rows: readonly {
  readonly name: string;
  readonly raw: () => RawServer;
  /** When the copy fails. `sometimes`: an answer that crosses a request on its connection passes for the answer to it. */
  readonly fails?: 'always' | 'sometimes';
}[] = [
  { name: 'every head in pieces of one byte', raw: rude.byteByByte },
  { name: '100 informational answers before every answer', raw: rude.interim },
  { name: 'an answer that was not asked for after every answer', raw: rude.unaskedAfter, fails: 'sometimes' },
  {
    name: 'an answer before the request on every connection',
    raw: rude.unaskedBefore,
    fails: 'always',
  },
  { name: 'answers to uploads that are shorter than their Content-Length', raw: () => saying(100, 'short') },
  { name: 'answers to uploads that are longer than their Content-Length', raw: () => saying(2, 'longer') },
];

async function play(test: TestContext, { raw, fails }: (typeof rows)[number]): Promise<void> {
  const held = createMemoryRegistry();
  await giveImage(held.repository('app'), { layers: [layer] }, '1');
  const source = await servedBy(test, held);
  const target = createMemoryRegistry();
  const host = await rawServer(test, target, raw());
  const retry = { attempts: 3, initial: 1 };
  const client = createClient({
    keychain: async () => undefined,
    retry: { ...retry, uploads: retry, downloads: retry },
  });
  atEnd(test, () => client.close());
  const error = await client.copy(`${source}/app:1`, `${host}/copy:1`).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error !== undefined && fails === undefined) throw error;
  if (error === undefined) assert.notEqual(fails, 'always');
  else assert.ok(isGantryError(error));
  const { blobs, manifests } = target.repository('copy');
  if ((await manifests.resolve('1')) === undefined) assert.notEqual(error, undefined);
  // A tag never names half an image.
  else assert.deepEqual(await read(blobs.open(layer.descriptor)), layer.bytes);
}

const outcomes = { always: 'fails with a code', sometimes: 'succeeds or fails with a code' };

describe('rules-of-the-wire: a copy to a registry that sends', () => {
  for (const row of rows) {
    const outcome = row.fails === undefined ? 'succeeds' : outcomes[row.fails];
    it(
      `rules-of-the-wire: a copy to a registry that sends ${row.name} ${outcome}`,
      {
        timeout: 120_000,
      },
      (test) => play(test, row),
    );
  }
});
