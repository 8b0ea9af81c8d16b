import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import type { Digest } from '../../src/spec/digest.ts';
import { blobOf, giveImage, noise } from '../../src/testing/contract/sample.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { type CacheStage, cacheStage } from './stage.ts';

/** Content that a cache has noted and the disk has lost. */

/** Blobs that the cache hashes while it sends them, before that in several chunks, and in one chunk. */
const layers = { huge: blobOf(noise(17_000_000)), large: blobOf(noise(3_000_000)), small: blobOf('a layer') };

interface Kept extends CacheStage {
  readonly image: Digest;
  readonly store: string;
}

/** Keeps an image in a process that has ended, so this one has read nothing yet. */
async function kept(test: TestContext): Promise<Kept> {
  const store = join(await folder(test), 'store');
  await using before = await openDiskRegistry(store);
  const layer = Object.values(layers);
  await giveImage(before.repository('a'), { layers: layer }, '1');
  await before[Symbol.asyncDispose]();
  const cache = await openDiskRegistry(store);
  atEnd(test, () => cache[Symbol.asyncDispose]());
  const stage = cacheStage(test, { cache });
  const { descriptor } = await giveImage(stage.place.repository('a'), { layers: layer }, '1');
  return { ...stage, image: descriptor.digest, store };
}

async function wrongLastByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(path, bytes);
}

const harms: readonly [name: string, harm: (path: string) => Promise<void>][] = [
  ['has another byte', wrongLastByte],
  ['has fewer bytes', (path) => truncate(path, 3)],
  ['has none', (path) => truncate(path, 0)],
];

const pathOf = (store: string, digest: Digest): string =>
  new RepositoryFolder(join(store, 'repositories'), 'a').blobPath(digest);

async function isWhole({ body }: HttpResponse, wanted: Uint8Array): Promise<boolean> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
  } catch {
    return false;
  }
  return Buffer.concat(chunks).equals(wanted);
}

for (const [how, harm] of harms) {
  for (const [size, { descriptor, bytes }] of Object.entries(layers)) {
    it(`cache-hands-out-damage: a ${size} blob that ${how} is never handed out whole, and is fetched again`, async (test) => {
      const { store, send, taken } = await kept(test);
      await harm(pathOf(store, descriptor.digest));
      const url = `/v2/a/blobs/${descriptor.digest}`;
      const get = () => send({ method: 'GET', url, headers: {}, replay: 'never' });
      if (size === 'huge' && how === 'has another byte') {
        // The cache notices wrong bytes only after it has read them.
        assert.equal(await isWhole(await get(), bytes), false);
        assert.deepEqual(taken(), []);
      }
      assert.equal(await isWhole(await get(), bytes), true);
      assert.deepEqual(taken(), ['GET blob.get']);
      assert.equal(await isWhole(await get(), bytes), true);
      assert.equal((await send({ method: 'HEAD', url, headers: {}, replay: 'never' })).status, 200);
      assert.deepEqual(taken(), []);
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }

  it(`a manifest that ${how} is fetched again before it is handed out`, async (test) => {
    const { store, image, ask, taken } = await kept(test);
    await harm(pathOf(store, image));
    for (const requests of [['HEAD manifest.head', 'GET manifest.get'], []]) {
      const { status, headers } = await ask(`GET /v2/a/manifests/${image}`);
      assert.equal(status, 200);
      assert.deepEqual(headers['docker-content-digest'], [image]);
      assert.deepEqual(taken(), requests);
    }
    assert.deepEqual((await checkStore(store)).findings, []);
  });
}

describe('a blob of another length than its reader was told', () => {
  it('a blob with a changed length is fetched again within the same response, since no byte of it has been sent', async (test) => {
    const { store, through, taken } = await kept(test);
    const { descriptor, bytes } = layers.large;
    await truncate(pathOf(store, descriptor.digest), 3);
    const content = through.repository('a').blobs.open(descriptor);
    const chunks: Uint8Array[] = [];
    for await (const chunk of content.open()) chunks.push(Buffer.from(chunk));
    assert.ok(Buffer.concat(chunks).equals(bytes));
    assert.deepEqual(taken(), ['GET blob.get']);
  });
});
