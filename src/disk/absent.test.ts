import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { requestsOf } from '../../test/disk/requests.ts';
import { lookAt } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, emptyConfig, failsWith, give, imageOf, indexOf } from '../testing/contract/sample.ts';
import { absentAmong } from './absent.ts';
import { RepositoryFolder } from './folder.ts';
import { openDiskRegistry } from './registry.ts';
import { trashPath } from './trash.ts';

const some = Array.from({ length: 200 }, (_, at) => blobOf(`blob ${at}`));
const digests = some.map(({ descriptor }) => descriptor.digest);
const [first] = digests as [Digest];

async function stage(test: TestContext): Promise<{ repository: Repository; folder: RepositoryFolder }> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-absent-'));
  const registry = await openDiskRegistry(root);
  atEnd(test, async () => {
    await registry[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
  });
  const folder = new RepositoryFolder(join(root, 'repositories'), 'app');
  return { repository: registry.repository('app'), folder };
}

async function put(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '');
}

describe('digests that a repository does not hold', () => {
  it('absent digests are found among many, in a repository with and without folders', async (test) => {
    const { folder } = await stage(test);
    for (const kind of ['blobs', 'manifests'] as const) {
      assert.equal((await absentAmong(folder, kind, digests)).size, digests.length);
      await put(kind === 'blobs' ? folder.blobPath(first) : folder.manifestPath(first));
      const absent = await absentAmong(folder, kind, digests);
      assert.deepEqual([absent.size, absent.has(first)], [digests.length - 1, false]);
    }
  });

  it('a digest that a collection of garbage has put aside is not absent', async (test) => {
    const { folder } = await stage(test);
    for (const kind of ['blobs', 'manifests'] as const) {
      await put(trashPath(folder.state, kind, first));
      assert.equal((await absentAmong(folder, kind, digests)).has(first), false);
    }
  });

  it('a digest that a collection puts back meanwhile is not absent', async (test) => {
    const { folder } = await stage(test);
    const [path, trash] = [folder.manifestPath(first), trashPath(folder.state, 'manifests', first)];
    await put(path);
    await mkdir(dirname(trash), { recursive: true });
    for (let round = 0; round < 200; round++) {
      await rename(path, trash);
      const absent = absentAmong(folder, 'manifests', digests);
      for (let step = 0; step < round % 20; step++) await lookAt(trash);
      await rename(trash, path);
      assert.equal((await absent).has(first), false);
    }
  });

  it('a folder with many times more entries is not listed', async (test) => {
    const { folder } = await stage(test);
    await mkdir(folder.manifestsFolder, { recursive: true });
    for (let at = 0; at < 600; at++) await writeFile(join(folder.manifestsFolder, `${at}`), '');
    assert.equal((await absentAmong(folder, 'manifests', digests)).size, digests.length);
    assert.equal((await absentAmong(folder, 'manifests', digests.slice(0, 64))).size, 0);
    assert.equal((await absentAmong(folder, 'manifests', [first])).size, 0);
  });
});

describe('a manifest that names thousands of others', () => {
  const missing = Array.from({ length: 3000 }, (_, at) => blobOf(`child ${at}`).descriptor);

  it('index-of-many-children: an index of missing children is put with few requests to the disk', async (test) => {
    const { repository } = await stage(test);
    const children = missing.map((child) => ({ ...child, mediaType: imageOf().descriptor.mediaType }));
    const requests = await requestsOf(() => repository.manifests.put(indexOf(children)));
    assert.ok(requests > 5 && requests < 200, `${requests} requests`);
  });

  it('an image with missing blobs takes few requests to the disk, with and without sparse', async (test) => {
    const { repository } = await stage(test);
    await give(repository, emptyConfig);
    const layers = missing.map((descriptor) => ({ ...blobOf(''), descriptor }));
    const image = imageOf({ layers });
    const refused = await requestsOf(() =>
      failsWith(repository.manifests.put(image), 'MANIFEST_BLOB_UNKNOWN'),
    );
    const kept = await requestsOf(() => repository.manifests.put(image, { sparse: true }));
    assert.ok(refused < 400 && kept < 400, `${refused} and ${kept} requests`);
  });

  it('an index is refused when a child is gone that a client was told exists', async (test) => {
    const { repository, folder } = await stage(test);
    const child = imageOf();
    await give(repository, emptyConfig);
    await repository.manifests.put(child);
    await rm(folder.manifestPath(child.descriptor.digest));
    const index = indexOf([...missing, child.descriptor]);
    await failsWith(repository.manifests.put(index), 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(await folder.manifests(), []);
  });

  it('a put takes back a child that a collection of garbage has put aside', async (test) => {
    const { repository, folder } = await stage(test);
    const child = imageOf();
    await give(repository, emptyConfig);
    await repository.manifests.put(child);
    const { digest } = child.descriptor;
    const trash = trashPath(folder.state, 'manifests', digest);
    await mkdir(dirname(trash), { recursive: true });
    await rename(folder.manifestPath(digest), trash);
    await repository.manifests.put(indexOf([...missing, child.descriptor]));
    assert.ok((await folder.manifests()).includes(digest));
  });
});
