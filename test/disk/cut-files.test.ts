import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { collectGarbage } from '../../src/disk/garbage.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { isGantryError } from '../../src/errors.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import {
  emptyConfig,
  failsWith,
  give,
  giveImage,
  imageOf,
  listOf,
} from '../../src/testing/contract/sample.ts';
import { newStore } from './server.ts';

const folderOf = (store: string): RepositoryFolder =>
  new RepositoryFolder(join(store, 'repositories'), 'app');

/** Makes a manifest whose document does not name its type. */
function untyped(mediaType: string, fields: object): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, ...fields }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}

const fields = { config: { ...emptyConfig.descriptor, mediaType: MediaType.ociConfig }, layers: [] };
const other = imageOf({ annotations: { a: 'other' } }).descriptor;

/** Stores the manifest under the tag v1, and another one under the tag other. */
async function filled(test: TestContext, manifest: Manifest): Promise<string> {
  const store = await newStore(test);
  await using registry = await openDiskRegistry(store);
  const repository = registry.repository('app');
  await give(repository, emptyConfig);
  await repository.manifests.put(manifest, { tags: ['v1'] });
  await giveImage(repository, { annotations: { a: 'other' } }, 'other');
  return store;
}

describe('a manifest whose listed type was cut off', () => {
  for (const [name, manifest] of [
    ['an OCI image', untyped(MediaType.ociManifest, fields)],
    ['an OCI index', untyped(MediaType.ociIndex, { manifests: [] })],
    ['a docker image', untyped(MediaType.dockerManifest, fields)],
    ['a docker list', untyped(MediaType.dockerList, { manifests: [] })],
  ] as const) {
    // The fields of a document do not show docker's types.
    const isDocker = name.startsWith('a docker');
    for (const length of isDocker ? [30, 45] : [0, 7, 30]) {
      it(`cut-type: ${name} has its true type after a cut at ${length}, and reading it repairs the file`, async (test) => {
        const { mediaType, digest } = manifest.descriptor;
        const store = await filled(test, manifest);
        const path = folderOf(store).manifestPath(digest);
        await writeFile(path, mediaType.slice(0, length));
        const before = (await checkStore(store)).findings;
        assert.deepEqual(
          before.map(({ kind, subject }) => [kind, subject]),
          [['damaged', digest]],
        );
        {
          await using registry = await openDiskRegistry(store);
          const { manifests } = registry.repository('app');
          assert.deepEqual(await manifests.resolve('v1'), manifest.descriptor);
          assert.deepEqual((await manifests.get(digest)).descriptor, manifest.descriptor);
          assert.deepEqual(await manifests.resolve('other'), other);
        }
        assert.equal(await readFile(path, 'utf8'), mediaType);
        assert.deepEqual((await checkStore(store)).findings, []);
      });
    }
  }

  it('cut-type: a document of unknown fields is missing until a push repairs it', async (test) => {
    const manifest = untyped('application/vnd.acme.thing.v1+json', { thing: 1 });
    const { digest, mediaType } = manifest.descriptor;
    const store = await filled(test, manifest);
    const path = folderOf(store).manifestPath(digest);
    await writeFile(path, mediaType.slice(0, 20));
    assert.equal((await checkStore(store)).findings.length, 1);
    await using registry = await openDiskRegistry(store);
    const { manifests } = registry.repository('app');
    assert.equal(await manifests.resolve('v1'), undefined);
    await failsWith(manifests.get('v1'), 'MANIFEST_UNKNOWN');
    assert.deepEqual(await manifests.resolve('other'), other);
    await manifests.put(manifest);
    assert.deepEqual(await manifests.resolve('v1'), manifest.descriptor);
  });
});

describe('a tag whose file was cut off', () => {
  const manifest = imageOf({});
  for (const [name, text] of [
    ['to nothing', ''],
    ['to a part of the digest', manifest.descriptor.digest.slice(0, 40)],
    ['and filled with zeros', '\0'.repeat(71)],
  ] as const) {
    it(`cut-tag: a tag that was cut off ${name} names no manifest, and a push or a deletion repairs it`, async (test) => {
      const store = await filled(test, manifest);
      const path = folderOf(store).tagPath('v1');
      await writeFile(path, text);
      assert.deepEqual(
        (await checkStore(store)).findings.map(({ kind, subject }) => [kind, subject]),
        [['missing', 'v1']],
      );
      await using registry = await openDiskRegistry(store);
      const { manifests, tags } = registry.repository('app');
      assert.equal(await manifests.resolve('v1'), undefined);
      await assert.rejects(manifests.get('v1'), (error: unknown) => {
        assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN') && error.message.includes('damaged'));
        return true;
      });
      assert.deepEqual(await manifests.resolve(manifest.descriptor.digest), manifest.descriptor);
      assert.deepEqual(await manifests.resolve('other'), other);
      await manifests.put(manifest, { tags: ['v1'] });
      assert.deepEqual(await manifests.resolve('v1'), manifest.descriptor);
      await writeFile(path, text);
      assert.equal(await tags.delete('v1'), true);
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }

  it('cut-tag: a collection of untagged manifests keeps all of the repository, and says so', async (test) => {
    const store = await filled(test, manifest);
    {
      await using registry = await openDiskRegistry(store);
      await giveImage(registry.repository('app'), { annotations: { a: 'untagged' } });
    }
    await writeFile(folderOf(store).tagPath('v1'), '');
    const problems: unknown[] = [];
    const onProblem = ({ error }: { error: unknown }): void => void problems.push(error);
    const collect = (): Promise<unknown[]> =>
      listOf(collectGarbage(store, { grace: 0, untagged: true, onProblem }));
    assert.deepEqual(await collect(), []);
    assert.ok(isGantryError(problems[0], 'IO_FAILED') && problems[0].message.includes('v1'));
    {
      await using registry = await openDiskRegistry(store);
      await registry.repository('app').manifests.put(manifest, { tags: ['v1'] });
    }
    assert.equal((await collect()).length > 0, true);
  });
});
