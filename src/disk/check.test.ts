import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { requestsOf } from '../../test/disk/requests.ts';
import { blobPath } from '../blobfile/blob-file.ts';
import { blobOf, giveImage } from '../testing/contract/sample.ts';
import { type CheckCounts, checkStore } from './check.ts';
import { RepositoryFolder } from './folder.ts';
import { openDiskRegistry } from './registry.ts';

const images = 30;
const layers = Array.from({ length: images }, (_, at) => blobOf(`layer ${at}`));

/** One repository with a tag for each image, which has a layer of its own. */
async function filled(test: TestContext): Promise<{ store: string; folder: RepositoryFolder }> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-check-'));
  atEnd(test, () => rm(root, { recursive: true }));
  const store = join(root, 'store');
  await using registry = await openDiskRegistry(store);
  for (const [at, layer] of layers.entries()) {
    await giveImage(registry.repository('app'), { layers: [layer] }, `v${at}`);
  }
  return { store, folder: new RepositoryFolder(join(store, 'repositories'), 'app') };
}

describe('the check of a store', () => {
  it('check-of-many: a check takes four requests for each file, and one for each link to it', async (test) => {
    const { store } = await filled(test);
    const requests = await requestsOf(async () => assert.deepEqual((await checkStore(store)).findings, []));
    const [pooled, linked, listed, tagged] = [2 * 4, 2, 2 * 4, 4];
    assert.ok(requests > images * (pooled + linked), `${requests} requests`);
    assert.ok(requests <= images * (pooled + linked + listed + tagged) + 60, `${requests} requests`);
  });

  it('a check reports its progress with blobs before the first repository', async (test) => {
    const { store } = await filled(test);
    const told: CheckCounts[] = [];
    const report = await checkStore(store, { onProgress: (counts) => told.push(counts) });
    // Each image is two blobs, and all share one config.
    assert.deepEqual(report.blobs, 2 * images + 1);
    assert.deepEqual([told[0]?.blobs, told[0]?.repositories], [1, 0]);
    assert.deepEqual([told.at(-1)?.blobs, told.at(-1)?.repositories], [report.blobs, 1]);
  });

  it('link-under-another-digest: a check finds a link that gives one blob the name of another', async (test) => {
    const { store, folder } = await filled(test);
    const [right, other] = layers.map(({ descriptor }) => descriptor.digest);
    assert.ok(right !== undefined && other !== undefined);
    await rm(folder.blobPath(right));
    await link(blobPath(store, other), folder.blobPath(right));
    const { findings } = await checkStore(store);
    assert.deepEqual(
      findings.map(({ kind, repository, subject }) => [kind, repository, subject]),
      [['damaged', 'app', right]],
    );
  });

  it('check-gives-up: a check finds blobs of an algorithm that it cannot compute, and checks the rest', async (test) => {
    const { store, folder } = await filled(test);
    const [layer] = layers;
    assert.ok(layer !== undefined);
    for (const path of [store, folder.layout]) {
      await mkdir(join(path, 'blobs', 'blake3'));
      for (const digit of 'ab') await writeFile(join(path, 'blobs', 'blake3', digit.repeat(64)), '');
    }
    await rm(folder.blobPath(layer.descriptor.digest));
    const { findings } = await checkStore(store);
    assert.deepEqual(
      findings.map(({ kind, repository }) => [kind, repository]),
      [
        ['stray', undefined],
        ['stray', 'app'],
        ['missing', 'app'],
      ],
    );
  });
});
