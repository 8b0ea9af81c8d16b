import assert from 'node:assert/strict';
import { appendFile, cp, open, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { collectGarbage } from '../../src/disk/garbage.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { isGantryError } from '../../src/errors.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobOf, giveImage, imageOf, listOf, noise, read } from '../../src/testing/contract/sample.ts';
import { newStore } from './server.ts';

const layers = [blobOf('a layer'), blobOf(noise(70_000))];
const image = imageOf({ layers });
const notes = ['a/one', 'a/two'].map((artifactType) => ({ subject: image.descriptor, artifactType }));
const names = ['a', 'team/b'];

async function giveAll(registry: Registry): Promise<void> {
  for (const name of names) {
    await giveImage(registry.repository(name), { layers }, 'v1', 'Multi');
    for (const note of notes) await giveImage(registry.repository(name), note);
  }
}

/** Damages: flipped bits, lost ends, lost files, and additional bytes. */
const harms: readonly ((path: string, at: number) => Promise<unknown>)[] = [
  async (path, at) => {
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    const byte = Buffer.alloc(1);
    if (size > 0) {
      await file.read(byte, 0, 1, at % size);
      byte[0] = (byte[0] ?? 0) ^ (1 << (at % 8));
      await file.write(byte, 0, 1, at % size);
    }
    await file.close();
  },
  async (path, at) => truncate(path, at % Math.max(1, (await stat(path)).size)),
  (path) => rm(path),
  (path) => appendFile(path, 'x'),
];

/** Asserts that the registry serves only right content; with `whole`, all of it. */
async function isTrue(registry: Registry, whole: boolean): Promise<void> {
  for (const name of names) {
    const repository = registry.repository(name);
    for (const tag of ['v1', 'Multi']) {
      const found = await repository.manifests.resolve(tag);
      if (whole || found !== undefined) {
        assert.deepEqual(found, image.descriptor);
        assert.deepEqual((await repository.manifests.get(tag)).bytes, image.bytes);
      }
    }
    for (const { descriptor, bytes } of layers) {
      const found = await repository.blobs.stat(descriptor.digest);
      if (whole || found !== undefined) {
        assert.deepEqual(found, descriptor);
        assert.deepEqual(await read(repository.blobs.open(descriptor)), bytes);
      }
    }
    const referrers = await listOf(repository.referrers(image.descriptor.digest));
    if (whole) assert.equal(referrers.length, notes.length);
  }
}

it('random-damage: a store with any damage serves nothing wrong, loses nothing else to the collection, and is healed by a push', async (test) => {
  const sound = await newStore(test);
  {
    await using registry = await openDiskRegistry(sound);
    await giveAll(registry);
  }
  const entries = await readdir(sound, { recursive: true, withFileTypes: true });
  const files = entries
    // Without this file, gantry would not know the folder as a store.
    .filter((entry) => entry.isFile() && entry.name !== 'gantry-store')
    .map((entry) => join(entry.parentPath, entry.name).slice(sound.length));
  const seed = Math.floor(Math.random() * 1_000_000);
  test.diagnostic(`seed ${seed}`);
  for (let round = 0; round < 6; round++) {
    const store = `${sound}-${round}`;
    await cp(sound, store, { recursive: true });
    for (let n = 0; n < 3; n++) {
      const at = (seed + round * 7919 + n * 104_729) % 1_000_003;
      const path = join(store, files[at % files.length] ?? '');
      await harms[(at >> 3) % harms.length]?.(path, at).catch((error: NodeJS.ErrnoException) => {
        // The damage before may have removed it.
        assert.equal(error.code, 'ENOENT');
      });
    }
    await checkStore(store);
    {
      await using registry = await openDiskRegistry(store);
      await isTrue(registry, false);
    }
    for await (const _ of collectGarbage(store, {
      grace: 0,
      onProblem: ({ error }) => assert.ok(isGantryError(error)),
    }));
    {
      await using registry = await openDiskRegistry(store);
      await isTrue(registry, false);
      // The client sends all missing content again.
      await giveAll(registry);
      await isTrue(registry, true);
    }
    await using again = await openDiskRegistry(store);
    await isTrue(again, true);
    const { findings } = await checkStore(store);
    assert.deepEqual(
      findings.filter(({ kind }) => kind !== 'stray'),
      [],
    );
    await rm(store, { recursive: true });
  }
});
