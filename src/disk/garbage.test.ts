import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { blobPath } from '../blobfile/blob-file.ts';
import { lookAt } from '../files/files.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, give, giveImage, listOf } from '../testing/contract/sample.ts';
import { RepositoryFolder } from './folder.ts';
import { collectGarbage } from './garbage.ts';
import { openDiskRegistry } from './registry.ts';
import { trashPath } from './trash.ts';

const layer = blobOf('a layer');
const stray = blobOf('a blob of no image');

interface Filled {
  readonly store: string;
  readonly folder: RepositoryFolder;
  readonly image: Manifest;
}

/** A store with one repository, filled and then closed; everything in it is two days old. */
async function oldStore(
  test: TestContext,
  fill: (repository: Repository) => Promise<Manifest>,
): Promise<Filled> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-garbage-'));
  atEnd(test, () => rm(root, { recursive: true }));
  const store = join(root, 'store');
  await using registry = await openDiskRegistry(store);
  const image = await fill(registry.repository('app'));
  const past = new Date(Date.now() - 48 * 3_600_000);
  for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), past, past);
  }
  return { store, folder: new RepositoryFolder(join(store, 'repositories'), 'app'), image };
}

describe('garbage', () => {
  for (const [name, spoil] of [
    ['damaged', (path: string, size: number) => writeFile(path, Buffer.alloc(size, 'x'))],
    ['cut short', (path: string) => truncate(path, 10)],
  ] as const) {
    it(`gc removes nothing while one manifest is ${name}, since it may need any blob`, async (test) => {
      const { store, folder, image } = await oldStore(test, async (repository) => {
        await give(repository, stray);
        await giveImage(repository, { annotations: { has: 'no tag' } });
        return giveImage(repository, { layers: [layer] }, 'v1');
      });
      const { digest, size } = image.descriptor;
      await spoil(folder.blobPath(digest), size);
      assert.deepEqual(await listOf(collectGarbage(store, { grace: 0, untagged: true })), []);
      for (const { descriptor } of [stray, layer]) {
        assert.equal(await folder.blobSize(descriptor.digest), descriptor.size);
      }
    });
  }

  it('gc keeps a blob with its digest in any field of a manifest', async (test) => {
    const { store, folder } = await oldStore(test, async (repository) => {
      await give(repository, layer, stray);
      const { descriptor, bytes } = blobOf(`{"anything":{"at":["${layer.descriptor.digest}"]}}`);
      const body = { kind: 'unknown', mediaType: 'application/x+json' } as const;
      const odd = { descriptor: { ...descriptor, mediaType: 'application/x+json' }, bytes, body };
      await repository.manifests.put(odd, { tags: ['v1'] });
      return odd;
    });
    const removed = await listOf(collectGarbage(store));
    assert.deepEqual(
      [...new Set(removed.map((item) => item.kind !== 'aside' && item.digest))],
      [stray.descriptor.digest],
    );
    assert.equal(await folder.blobSize(layer.descriptor.digest), layer.descriptor.size);
  });

  it('gc puts needed content back that a killed collection had put aside', async (test) => {
    const { store, folder, image } = await oldStore(test, async (repository) => {
      const subject = await giveImage(repository, { layers: [layer] }, 'v1');
      await giveImage(repository, { subject: subject.descriptor });
      return subject;
    });
    const { digest } = image.descriptor;
    const [referrer] = await folder.referrers(digest);
    assert(referrer !== undefined);
    const pooled = blobPath(store, layer.descriptor.digest);
    const listed = folder.referrerPath(digest, referrer);
    const aside = trashPath(store, 'blobs', layer.descriptor.digest);
    await mkdir(dirname(aside), { recursive: true });
    await rename(pooled, aside);
    await rename(listed, `${listed}.aside`);
    assert.deepEqual(await listOf(collectGarbage(store)), []);
    assert.deepEqual(await folder.referrers(digest), [referrer]);
    assert.notEqual(await lookAt(pooled), undefined);
    assert.deepEqual(await readdir(dirname(aside)), []);
  });
});
