import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { collectGarbage } from '../../src/disk/garbage.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobOf, give, giveImage, imageOf, listOf, read } from '../../src/testing/contract/sample.ts';
import { plants } from './plants.ts';
import { newStore } from './server.ts';

/** One bad thing never harms the others: the test plants each kind of it at each place of a store that can hold it. */

const layer = blobOf('a layer');
const image = imageOf({ layers: [layer] });
const note = { subject: image.descriptor, artifactType: 'a/note' };
const noteDigest = imageOf(note).descriptor.digest;
const lost = blobOf('a blob that is lost');
const garbage = blobOf('a blob that nothing needs');

async function giveAll(registry: Registry, name: string): Promise<void> {
  const repository = registry.repository(name);
  await giveImage(repository, { layers: [layer] }, 'v1', 'v2');
  await giveImage(repository, note);
}

/** The repositories with something bad in them, one for each kind. */
const bad = ['a/bad0', 'a/bad1', 'a/bad2', 'a/bad3', 'a/bad4'];

async function filled(test: TestContext): Promise<string> {
  const store = await newStore(test);
  await using registry = await openDiskRegistry(store);
  await Promise.all([...bad, 'good'].map((name) => giveAll(registry, name)));
  await give(registry.repository('good'), garbage);
  await giveImage(registry.repository('z'), { layers: [lost] }, 'v1');
  return store;
}

const folderOf = (store: string, name: string): RepositoryFolder =>
  new RepositoryFolder(join(store, 'repositories'), name);

/** Folders of the store that hold none of the planted things. */
const folders: readonly ((store: string, repository: RepositoryFolder) => string)[] = [
  (store) => store,
  (store) => join(store, 'tmp'),
  (store) => join(store, 'uploads'),
  (store) => join(store, 'stale'),
  (store) => join(store, 'damaged'),
  (store) => join(store, 'aside'),
  (store) => join(store, 'trash', 'blobs'),
  (store) => join(store, 'blobs'),
  (store) => join(store, 'blobs', 'sha256'),
  (store) => join(store, 'repositories'),
  (store) => join(store, 'repositories', 'a'),
  (_, repository) => dirname(repository.layout),
  (_, repository) => repository.layout,
  (_, repository) => join(repository.layout, 'blobs'),
  (_, repository) => join(repository.layout, 'blobs', 'sha256'),
  (_, repository) => repository.state,
  (_, repository) => join(repository.state, 'tags'),
  (_, repository) => join(repository.state, 'manifests'),
  (_, repository) => join(repository.state, 'referrers'),
  (_, repository) => dirname(repository.referrerPath(image.descriptor.digest, noteDigest)),
  (_, repository) => join(repository.state, 'trash', 'blobs'),
  (_, repository) => join(repository.state, 'trash', 'manifests'),
];

/** Files of the store that the test replaces. */
const files: readonly ((store: string, repository: RepositoryFolder) => string)[] = [
  (store) => join(store, 'blobs', 'sha256', layer.descriptor.digest.slice(7)),
  (store) => join(store, 'uploads', `${crypto.randomUUID()}.${'0'.repeat(32)}.sha256`),
  (store) => join(store, 'tmp', crypto.randomUUID()),
  (store) => join(store, 'stale', '0'.repeat(64)),
  (_, repository) => repository.blobPath(layer.descriptor.digest),
  (_, repository) => repository.blobPath(image.descriptor.digest),
  (_, repository) => repository.blobPath(noteDigest),
  (_, repository) => repository.manifestPath(image.descriptor.digest),
  (_, repository) => repository.manifestPath(noteDigest),
  (_, repository) => repository.referrerPath(image.descriptor.digest, noteDigest),
  (_, repository) => repository.tagPath('v1'),
  (_, repository) => join(repository.layout, 'index.json'),
  (_, repository) => join(repository.layout, 'oci-layout'),
];

async function isWhole(registry: Registry, name: string): Promise<void> {
  const repository = registry.repository(name);
  const { blobs, manifests, tags } = repository;
  for (const tag of ['v1', 'v2']) assert.deepEqual(await manifests.resolve(tag), image.descriptor);
  assert.deepEqual((await manifests.get('v1')).bytes, image.bytes);
  assert.deepEqual(await read(blobs.open(layer.descriptor)), layer.bytes);
  assert.deepEqual(await listOf(tags.list()), ['v1', 'v2']);
  const listed = await listOf(repository.referrers(image.descriptor.digest));
  assert.deepEqual(
    listed.map(({ digest }) => digest),
    [noteDigest],
  );
}

async function holdsOn(store: string): Promise<void> {
  {
    await using registry = await openDiskRegistry(store);
    await isWhole(registry, 'good');
    const names = await listOf(registry.repositories());
    assert.deepEqual(
      names.filter((name) => !name.startsWith('a/bad')),
      ['good', 'z'],
    );
    for (const name of bad) await listOf(registry.repository(name).referrers(image.descriptor.digest));
  }
  await rm(folderOf(store, 'z').blobPath(lost.descriptor.digest), { force: true });
  const { findings } = await checkStore(store);
  assert.ok(findings.some(({ repository, kind }) => repository === 'z' && kind === 'missing'));
  const removed = await listOf(collectGarbage(store, { grace: 0, untagged: true }));
  assert.ok(removed.some((item) => item.kind === 'blob' && item.digest === garbage.descriptor.digest));
}

describe('a store', { skip: process.platform === 'win32' && 'links need rights' }, () => {
  for (const [n, folder] of folders.entries()) {
    const shown = folder('', new RepositoryFolder('repositories', 'a/bad')) || 'its own folder';
    it(`folder-in-tmp: a store works with strange things in ${shown} (${n})`, async (test) => {
      const store = await filled(test);
      const path = folder(store, folderOf(store, 'a/bad0'));
      await mkdir(path, { recursive: true });
      for (const [at, [, plant]] of plants.entries()) {
        await plant(join(path, `lost+found.${at}`));
        await plant(join(path, `lost\nfound.${at}`));
      }
      await holdsOn(store);
      await using registry = await openDiskRegistry(store);
      await isWhole(registry, 'a/bad0');
    });
  }

  for (const [n, file] of files.entries()) {
    const shown = file('', new RepositoryFolder('repositories', 'a/bad')).replace(/[0-9a-f-]{36,}/, '…');
    it(`check-gives-up: a store works with something else in place of ${shown}, and a push heals it (${n})`, async (test) => {
      const store = await filled(test);
      const planted = new Set<string>();
      for (const [at, [, plant]] of plants.entries()) {
        const path = file(store, folderOf(store, bad[at] ?? ''));
        // The pool is one for all.
        if (planted.has(path)) continue;
        planted.add(path);
        await rm(path, { force: true });
        await plant(path);
      }
      await holdsOn(store);
      {
        await using registry = await openDiskRegistry(store);
        for (const name of bad) {
          await giveAll(registry, name);
          await isWhole(registry, name);
        }
      }
      const { findings } = await checkStore(store);
      assert.deepEqual(
        findings.filter(({ repository = '' }) => bad.includes(repository)),
        [],
      );
    });
  }
});
