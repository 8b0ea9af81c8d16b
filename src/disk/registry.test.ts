import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { blobPath } from '../blobfile/blob-file.ts';
import { bytesContent } from '../flow/content.ts';
import { openLayout } from '../layout/repository.ts';
import { blobOf, failsWith, give, giveImage, listOf, noise, read } from '../testing/contract/sample.ts';
import { registryContract } from '../testing/contract.ts';
import { openDiskRegistry } from './registry.ts';
import { killedAfter, layer, layoutOf, newPath, within } from './store.test.support.ts';

registryContract('disk', async (test) => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-disk-'));
  const registry = await openDiskRegistry(join(folder, 'store'));
  atEnd(test, async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  return registry;
});

describe('a store on disk', () => {
  it('a store has its content again after it was closed and opened', async (test) => {
    const path = await newPath(test);
    const manifest = await within(path, (registry) =>
      giveImage(registry.repository('acme/app'), { layers: [layer] }, 'v1', 'V1'),
    );
    const referrer = await within(path, (registry) =>
      giveImage(registry.repository('acme/app'), { subject: manifest.descriptor }),
    );
    await within(path, async (registry) => {
      const repository = registry.repository('acme/app');
      assert.deepEqual(await listOf(registry.repositories()), ['acme/app']);
      assert.deepEqual(await listOf(repository.tags.list()), ['V1', 'v1']);
      const got = await repository.manifests.get('V1');
      assert.ok(Buffer.from(got.bytes).equals(manifest.bytes));
      assert.deepEqual(await read(repository.blobs.open(layer.descriptor)), layer.bytes);
      const referrers = await listOf(repository.referrers(manifest.descriptor.digest));
      assert.deepEqual(
        referrers.map(({ digest }) => digest),
        [referrer.descriptor.digest],
      );
    });
  });

  it('the folder of a new store can be entered by its owner only', {
    skip: process.platform === 'win32' && 'no modes',
  }, async (test) => {
    const path = await newPath(test);
    await within(path, async () => undefined);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  it('each store has a secret of its own, the same at every start, and readable for its owner only', async (test) => {
    const path = await newPath(test);
    const [a, b] = await within(path, (registry) => Promise.all([registry.secret(), registry.secret()]));
    assert.equal(a.byteLength, 32);
    assert.deepEqual(a, b);
    assert.deepEqual(await within(path, (registry) => registry.secret()), a);
    assert.notDeepEqual(await within(await newPath(test), (registry) => registry.secret()), a);
    if (process.platform !== 'win32') assert.equal((await stat(join(path, 'secret'))).mode & 0o777, 0o600);
    await truncate(join(path, 'secret'), 3);
    const renewed = await within(path, (registry) => registry.secret());
    assert.equal(renewed.byteLength, 32);
    assert.deepEqual(await within(path, (registry) => registry.secret()), renewed);
  });

  it('a store is open in one process at a time', async (test) => {
    const path = await newPath(test);
    await within(path, () => failsWith(openDiskRegistry(path), 'IN_USE'));
    await within(path, async () => undefined);
  });

  it('a store that another version wrote is not touched', async (test) => {
    const path = await newPath(test);
    await mkdir(path);
    await writeFile(join(path, 'gantry-store'), 'gantry store 2\n');
    await failsWith(openDiskRegistry(path), 'UNSUPPORTED');
    assert.deepEqual(await readdir(path), ['gantry-store']);
  });

  it('layout-as-store: a layout is refused and stays as it is', async (test) => {
    const path = await newPath(test);
    const layout = await openLayout(path, { mode: 'write' });
    await giveImage(layout, {}, 'v1');
    await layout.commit();
    await layout[Symbol.asyncDispose]();
    const before = (await readdir(path, { recursive: true })).sort();
    await failsWith(openDiskRegistry(path), 'IO_FAILED');
    assert.deepEqual((await readdir(path, { recursive: true })).sort(), before);
  });

  it('a blob of several repositories is stored once, and as long as one of them has it', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const [a, b, c] = ['a', 'a/b', 'c'].map((name) => registry.repository(name));
      assert.ok(a && b && c);
      const { digest } = layer.descriptor;
      await give(a, layer);
      await b.blobs.mount(digest, { from: 'a' });
      await give(c, layer);
      const pooled = await stat(blobPath(path, digest));
      for (const name of [['a'], ['a', 'b'], ['c']]) {
        assert.equal((await stat(blobPath(layoutOf(path, ...name), digest))).ino, pooled.ino);
      }
      await a.blobs.delete(digest);
      await c.blobs.delete(digest);
      assert.deepEqual(await read(b.blobs.open(digest)), layer.bytes);
      await b.blobs.delete(digest);
      await assert.rejects(stat(blobPath(path, digest)), { code: 'ENOENT' });
      assert.deepEqual(await listOf(registry.repositories()), []);
    });
  });

  for (const tag of ['../v1', '..', 'a/b', '', '.hidden', 'a\\b', 'x'.repeat(129)]) {
    it(`${JSON.stringify(tag.slice(0, 20))} is no tag for any operation`, async (test) => {
      await within(await newPath(test), async (registry) => {
        const { manifests, tags } = registry.repository('a');
        const manifest = await giveImage(registry.repository('a'));
        await failsWith(manifests.put(manifest, { tags: [tag] }), 'INVALID_REFERENCE');
        assert.equal(await manifests.resolve(tag), undefined);
        assert.equal(await tags.delete(tag), false);
      });
    });
  }

  it('reading a blob with a shortened file fails', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const repository = registry.repository('a');
      await give(repository, layer);
      await truncate(blobPath(path, layer.descriptor.digest), 3);
      await failsWith(read(repository.blobs.open(layer.descriptor)), 'SIZE_INVALID');
      await failsWith(read(repository.blobs.open(layer.descriptor.digest)), 'DIGEST_INVALID');
    });
  });
});

describe('an upload session on disk', () => {
  it('an upload continues in a new process with the bytes of the old one', async (test) => {
    const path = await newPath(test);
    const { bytes, descriptor } = blobOf(noise(300_000));
    const id = await killedAfter(
      path,
      `const upload = await registry.repository('acme/app').blobs.start();
       await upload.append(bytesContent(noise(300_000).subarray(0, 200_000)));
       await say(upload.id);`,
    );
    await within(path, async (registry) => {
      const { blobs } = registry.repository('acme/app');
      await failsWith(registry.repository('acme/other').blobs.resume(id), 'BLOB_UPLOAD_UNKNOWN');
      const [upload, same] = await Promise.all([blobs.resume(id), blobs.resume(id)]);
      assert.equal(upload, same);
      assert.equal(upload.offset, 200_000);
      assert.deepEqual(
        await upload.commit(descriptor.digest, bytesContent(bytes.subarray(200_000))),
        descriptor,
      );
      assert.ok(Buffer.from(await read(blobs.open(descriptor))).equals(bytes));
      await failsWith(blobs.resume(id), 'BLOB_UPLOAD_UNKNOWN');
    });
  });

  for (const id of ['', '..', '../../../blobs/sha256/x', 'a/b', 'x'.repeat(300), '\0']) {
    it(`${JSON.stringify(id.slice(0, 30))} is the id of no upload`, async (test) => {
      await within(await newPath(test), (registry) =>
        failsWith(registry.repository('a').blobs.resume(id), 'BLOB_UPLOAD_UNKNOWN'),
      );
    });
  }
});

describe('pushing one more tag', () => {
  it('the push of one more tag writes as many files as the push of the first', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const repository = registry.repository('a');
      const manifest = await giveImage(repository, {}, 'first');
      const before = await snapshot(path);
      for (let n = 0; n < 20; n++) await repository.manifests.put(manifest, { tags: [`t${n}`] });
      const between = await snapshot(path);
      assert.equal(changes(before, between), 20);
      await repository.manifests.put(manifest, { tags: ['last'] });
      assert.equal(changes(between, await snapshot(path)), 1);
    });
  });
});

/** Each file with the inode that stands under its name: a file that is replaced gets another. */
async function snapshot(path: string): Promise<ReadonlyMap<string, number>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, (await stat(file)).ino] as const)));
}

function changes(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  return [...after].filter(([file, inode]) => before.get(file) !== inode).length;
}
