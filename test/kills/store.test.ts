import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { collectGarbage } from '../../src/disk/garbage.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobOf, emptyConfig, give, imageOf, listOf, read } from '../../src/testing/contract/sample.ts';
import { folder } from '../folder.ts';
import { killedAtEveryChange, moduleAt } from './killed-at.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;
const layer = blobOf('a layer');
const image = imageOf({ layers: [layer] });
const note = imageOf({ subject: image.descriptor, artifactType: 'a/note' });

async function push(registry: Registry): Promise<void> {
  const app = registry.repository('app');
  await give(app, emptyConfig, layer);
  await app.manifests.put(image, { tags: ['v1'] });
  await app.manifests.put(note);
}

/** The code of a process that opens the store and runs `work` with `registry`. */
const opened = (store: string, work: string): string => `
  const { openDiskRegistry } = await import(${moduleAt('disk/registry.js')});
  const { blobOf, emptyConfig, give, imageOf } = await import(${moduleAt('testing/contract/sample.js')});
  const layer = blobOf('a layer');
  const image = imageOf({ layers: [layer] });
  const registry = await openDiskRegistry(${JSON.stringify(store)});
  const app = registry.repository('app');
  ${work}
  await registry[Symbol.asyncDispose]();`;

const pushing = `
  await give(app, emptyConfig, layer);
  await app.manifests.put(image, { tags: ['v1'] });
  await app.manifests.put(imageOf({ subject: image.descriptor, artifactType: 'a/note' }));`;

const collecting = (store: string): string => `
  const { collectGarbage } = await import(${moduleAt('disk/garbage.js')});
  for await (const _ of collectGarbage(${JSON.stringify(store)}, { grace: -60000, untagged: true }));`;

const leftovers = async (store: string): Promise<string[]> =>
  (await Promise.all(['tmp', 'uploads'].map((name) => readdir(join(store, name))))).flat();

async function isWhole(registry: Registry): Promise<void> {
  const app = registry.repository('app');
  assert.deepEqual(Buffer.from((await app.manifests.get('v1')).bytes), Buffer.from(image.bytes));
  assert.deepEqual(await read(app.blobs.open(layer.descriptor)), layer.bytes);
  const referrers = await listOf(app.referrers(image.descriptor.digest));
  assert.deepEqual(
    referrers.map(({ digest }) => digest),
    [note.descriptor.digest],
  );
}

describe('a store whose process is killed before any change of the disk', { skip: noSignals }, () => {
  it('a killed push leaves a store without a finding, and the same push again makes the image whole', async (test) => {
    const root = await folder(test);
    const at = (step: number): string => join(root, `store-${step}`);
    const changes = await killedAtEveryChange(
      async (step) => opened(at(step), pushing),
      async (step) => {
        {
          await using registry = await openDiskRegistry(at(step));
          const app = registry.repository('app');
          // A tag never names half an image.
          if ((await app.manifests.resolve('v1')) !== undefined) {
            assert.deepEqual(await read(app.blobs.open(layer.descriptor)), layer.bytes);
          }
          assert.deepEqual((await checkStore(at(step))).findings, [], `killed before change ${step}`);
          await push(registry);
          await isWhole(registry);
        }
        assert.deepEqual((await checkStore(at(step))).findings, []);
        // A collection after the kill finds nothing to remove, because the image needs everything.
        assert.deepEqual(await listOf(collectGarbage(at(step), { grace: -60_000, untagged: true })), []);
        // An upload session outlives its process, so that the client can continue it, until it was idle for too long.
        await using registry = await openDiskRegistry(at(step), { sessionTtl: 0 });
        assert.deepEqual(await leftovers(at(step)), []);
        await isWhole(registry);
      },
    );
    assert.ok(changes > 20, `${changes} changes`);
  });

  it('a killed deletion leaves the image whole or without its tag, and the next one finishes it', async (test) => {
    const root = await folder(test);
    const at = (step: number): string => join(root, `store-${step}`);
    const { digest } = image.descriptor;
    const changes = await killedAtEveryChange(
      async (step) => {
        await using registry = await openDiskRegistry(at(step));
        await push(registry);
        return opened(at(step), 'await app.manifests.delete(image.descriptor.digest);');
      },
      async (step) => {
        await using registry = await openDiskRegistry(at(step));
        const app = registry.repository('app');
        const tagged = await app.manifests.resolve('v1');
        if (tagged !== undefined) assert.equal((await app.manifests.get('v1')).descriptor.digest, digest);
        assert.deepEqual((await checkStore(at(step))).findings, [], `killed before change ${step}`);
        await app.manifests.delete(digest);
        await app.tags.delete('v1');
        assert.equal(await app.manifests.resolve(digest), undefined);
        assert.deepEqual(await listOf(app.tags.list()), []);
        await push(registry);
        await isWhole(registry);
        assert.deepEqual((await checkStore(at(step))).findings, []);
      },
    );
    assert.ok(changes > 5, `${changes} changes`);
  });

  it('a killed collection loses nothing that a tag needs, and the next one removes the rest', async (test) => {
    const root = await folder(test);
    const at = (step: number): string => join(root, `store-${step}`);
    const stray = blobOf('a blob of no image');
    const untagged = imageOf({ annotations: { no: 'tag' } });
    const changes = await killedAtEveryChange(
      async (step) => {
        await using registry = await openDiskRegistry(at(step));
        await push(registry);
        await give(registry.repository('app'), stray);
        await registry.repository('app').manifests.put(untagged);
        return collecting(at(step));
      },
      async (step) => {
        {
          // The next reader takes back everything that the collection had put aside.
          await using registry = await openDiskRegistry(at(step));
          await isWhole(registry);
        }
        await listOf(collectGarbage(at(step), { grace: -60_000, untagged: true }));
        await using registry = await openDiskRegistry(at(step));
        await isWhole(registry);
        const app = registry.repository('app');
        assert.equal(await app.blobs.stat(stray.descriptor.digest), undefined);
        assert.equal(await app.manifests.resolve(untagged.descriptor.digest), undefined);
        assert.deepEqual((await checkStore(at(step))).findings, []);
      },
    );
    assert.ok(changes > 5, `${changes} changes`);
  });
});
