import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { blobOf, giveImage, imageOf, listOf, read } from '../../src/testing/contract/sample.ts';
import { needs } from '../peer.ts';
import * as wire from './server.ts';
import { traced } from './strace.ts';

/** Writes other bytes of the same length. */
async function spoil(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(path, bytes);
}

const harms: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ['another byte', spoil],
  ['fewer bytes', (path) => truncate(path, 1)],
  ['no bytes', (path) => truncate(path, 0)],
];

const folderOf = (store: string): RepositoryFolder =>
  new RepositoryFolder(join(store, 'repositories'), 'app');

/**
 * Returns the result of a GET: a status, `cut` for a response that ended early, or `WRONG` for a complete one with
 * other bytes.
 */
async function got(
  url: string,
  blob: wire.Blob,
  headers: Record<string, string> = {},
): Promise<number | string> {
  try {
    const response = await fetch(`${url}/v2/app/blobs/${blob.digest}`, { headers });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (!response.ok || headers['range'] !== undefined) return response.status;
    return bytes.equals(Buffer.from(blob.bytes)) ? response.status : 'WRONG';
  } catch {
    return 'cut';
  }
}

async function restarted(test: TestContext, store: string, before: wire.Server): Promise<wire.Server> {
  await before.kill('SIGTERM');
  return wire.serveStore(test, store);
}

describe('a registry with a damaged blob', () => {
  for (const [how, harm] of harms) {
    it(`cache-hands-out-damage: a blob with ${how} is missing, and a push restores it`, async (test) => {
      const store = await wire.newStore(test);
      const blob = wire.blobOf(randomBytes(300_000));
      let server = await wire.serveStore(test, store);
      assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
      await server.kill('SIGTERM');
      await harm(folderOf(store).blobPath(blob.digest));
      server = await wire.serveStore(test, store);
      const url = `${server.url}/v2/app/blobs/${blob.digest}`;
      assert.equal(await got(server.url, blob, { range: 'bytes=0-0' }), 404);
      assert.equal(await wire.statusOf(url, { method: 'HEAD' }), 404);
      assert.equal(await got(server.url, blob), 404);
      server = await restarted(test, store, server);
      assert.equal(await got(server.url, blob), 404);
      assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
      assert.equal(await got(server.url, blob), 200);
      server = await restarted(test, store, server);
      assert.equal(await got(server.url, blob), 200);
      assert.deepEqual(await readdir(join(store, 'damaged')), []);
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }

  it('cache-hands-out-damage: a damaged blob that is too large to be hashed first is cut off, then missing, and a push restores it', async (test) => {
    const store = await wire.newStore(test);
    const blob = wire.blobOf(randomBytes(17_000_000));
    let server = await wire.serveStore(test, store);
    assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
    await server.kill('SIGTERM');
    await spoil(folderOf(store).blobPath(blob.digest));
    server = await wire.serveStore(test, store);
    assert.equal(await got(server.url, blob), 'cut');
    for (const _ of [1, 2]) {
      const url = `${server.url}/v2/app/blobs/${blob.digest}`;
      assert.equal(await wire.statusOf(url, { method: 'HEAD' }), 404);
      assert.equal(await got(server.url, blob, { range: 'bytes=0-0' }), 404);
      assert.equal(await got(server.url, blob), 404);
      server = await restarted(test, store, server);
    }
    assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
    assert.equal(await got(server.url, blob), 200);
  });

  it('cache-hands-out-damage: a blob is there again after its file was restored', async (test) => {
    const store = await wire.newStore(test);
    const blob = wire.blobOf('a layer');
    const server = await wire.serveStore(test, store);
    assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
    const path = folderOf(store).blobPath(blob.digest);
    await writeFile(path, 'A layer, and more');
    assert.equal(await got(server.url, blob), 404);
    await writeFile(path, blob.bytes);
    assert.equal(await got(server.url, blob), 200);
    await writeFile(path, 'A layer, and more');
    assert.equal(await got(server.url, blob), 404);
    await server.kill('SIGTERM');
    await writeFile(path, blob.bytes);
    const again = await wire.serveStore(test, store);
    assert.equal(await got(again.url, blob), 200);
  });
});

describe('a manifest whose file was damaged', () => {
  for (const [how, harm] of [...harms, ['no file', rm] as const]) {
    it(`truncated-manifest-push: a manifest with ${how} is missing until it is pushed again, which heals it`, async (test) => {
      const store = await wire.newStore(test);
      const config = wire.blobOf('{}');
      const image = wire.imageOf([config]);
      let server = await wire.serveStore(test, store);
      assert.equal(await wire.pushBlob(server.url, 'app', config), 201);
      assert.equal(await wire.pushManifest(server.url, 'app', 'v1', image), 201);
      for (const asked of [true, false]) {
        await server.kill('SIGTERM');
        await harm(folderOf(store).blobPath(image.digest));
        server = await wire.serveStore(test, store);
        if (asked) {
          const url = `${server.url}/v2/app/manifests/v1`;
          assert.equal(await wire.statusOf(url, { method: 'HEAD' }), 404);
          assert.equal(await wire.served(server.url, 'app/manifests/v1'), 404);
          assert.equal(await wire.served(server.url, `app/manifests/${image.digest}`), 404);
        }
        assert.equal(await wire.pushManifest(server.url, 'app', 'v1', image), 201);
        assert.equal(await wire.served(server.url, 'app/manifests/v1'), image.digest);
      }
      server = await restarted(test, store, server);
      assert.equal(await wire.served(server.url, 'app/manifests/v1'), image.digest);
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }

  for (const harm of [
    'application/vnd.oci.image.manifest.v1+jsonx',
    'applicatyon/vnd.oci.image.manifest.v1+json',
    'appl',
  ]) {
    it(`truncated-manifest-push: a manifest that is listed as ${harm} has the type in its bytes, and a push heals the list`, async (test) => {
      const store = await wire.newStore(test);
      const { descriptor } = imageOf({});
      {
        await using registry = await openDiskRegistry(store);
        await giveImage(registry.repository('app'), {}, 'v1');
      }
      await writeFile(folderOf(store).manifestPath(descriptor.digest), harm);
      assert.equal((await checkStore(store)).findings.length, 1);
      await using registry = await openDiskRegistry(store);
      const { manifests } = registry.repository('app');
      assert.deepEqual(await manifests.resolve('v1'), descriptor);
      assert.deepEqual((await manifests.get('v1')).descriptor, descriptor);
      await giveImage(registry.repository('app'), {}, 'v1');
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }

  it('a damaged manifest can be deleted', async (test) => {
    const store = await wire.newStore(test);
    await using registry = await openDiskRegistry(store);
    const repository = registry.repository('app');
    const { descriptor } = await giveImage(repository, {}, 'v1');
    await truncate(folderOf(store).blobPath(descriptor.digest), 1);
    assert.equal(await repository.manifests.delete(descriptor.digest), true);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.deepEqual(await listOf(repository.tags.list()), []);
  });
});

describe('the referrers of a manifest', () => {
  const subject = imageOf({}).descriptor;
  const notes = ['a/one', 'a/two'].map((artifactType) => ({ subject, artifactType }));

  for (const [how, harm] of [...harms, ['no file', rm] as const]) {
    it(`damaged-referrer-hides-all: referrers are listed without one that has ${how}, which a push restores`, async (test) => {
      const store = await wire.newStore(test);
      const digests = notes.map((note) => imageOf(note).descriptor.digest);
      {
        await using registry = await openDiskRegistry(store);
        for (const note of [{}, ...notes]) await giveImage(registry.repository('app'), note);
      }
      await harm(folderOf(store).blobPath(digests[0] ?? subject.digest));
      await using registry = await openDiskRegistry(store);
      const repository = registry.repository('app');
      const listed = async (): Promise<string[]> =>
        (await listOf(repository.referrers(subject.digest))).map(({ digest }) => digest);
      assert.deepEqual(await listed(), digests.slice(1));
      await giveImage(repository, notes[0]);
      assert.deepEqual((await listed()).sort(), [...digests].sort());
    });
  }

  it('lost-referrer-entry: a push of a referrer restores its lost entry', async (test) => {
    const store = await wire.newStore(test);
    await using registry = await openDiskRegistry(store);
    const repository = registry.repository('app');
    const { descriptor } = await giveImage(repository, notes[0]);
    await rm(folderOf(store).referrerPath(subject.digest, descriptor.digest));
    await giveImage(repository, notes[0]);
    const listed = await listOf(repository.referrers(subject.digest));
    assert.deepEqual(
      listed.map(({ digest }) => digest),
      [descriptor.digest],
    );
    assert.deepEqual((await checkStore(store)).findings, []);
  });
});

describe('a manifest with many tags', needs('strace'), () => {
  it('delete-of-many-tags: a manifest with many tags is deleted with one sync of their folder', async (test) => {
    const store = await wire.newStore(test);
    const folder = folderOf(store);
    {
      await using registry = await openDiskRegistry(store);
      const { descriptor } = await giveImage(registry.repository('app'), {}, 'v');
      for (let n = 0; n < 200; n++) await writeFile(folder.tagPath(`v${n}`), descriptor.digest);
      await giveImage(registry.repository('app'), { artifactType: 'a/other' }, 'other');
    }
    const calls = await traced(
      store,
      `const repository = registry.repository('app');
       await repository.manifests.delete(imageOf().descriptor.digest);`,
    );
    const tags = join(folder.state, 'tags');
    assert.equal(calls.filter(({ name, args }) => name === 'unlink' && args.includes(tags)).length, 201);
    assert.equal(calls.filter(({ name, args }) => name === 'fsync' && args.includes(`${tags}>`)).length, 1);
    await using registry = await openDiskRegistry(store);
    assert.deepEqual(await listOf(registry.repository('app').tags.list()), ['other']);
  });
});

describe('a blob whose place was taken', () => {
  const layer = blobOf('a layer');
  const { digest } = layer.descriptor;
  for (const [what, take] of [
    ['a folder', (path: string) => mkdir(join(path, 'below'), { recursive: true })],
    ['a link', (path: string) => symlink(`${path}x`, path)],
  ] as const) {
    for (const place of ['the repository', 'the pool', 'both']) {
      it(`taken-place: a push or a mount replaces ${what} in the place of a blob in ${place}, and keeps it aside`, async (test) => {
        const store = await wire.newStore(test);
        await using registry = await openDiskRegistry(store);
        const { blobs } = registry.repository('app');
        await registry.repository('other').blobs.write(layer.descriptor, layer.content);
        const places = [
          ...(place === 'the pool' ? [] : [folderOf(store).blobPath(digest)]),
          ...(place === 'the repository' ? [] : [join(store, 'blobs', 'sha256', digest.slice(7))]),
        ];
        for (const path of places) {
          await rm(path, { force: true });
          await mkdir(join(path, '..'), { recursive: true });
          await take(path);
        }
        assert.equal(await blobs.stat(digest), undefined);
        await (await blobs.start()).commit(digest, layer.content);
        assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
        assert.equal((await readdir(join(store, 'aside'))).length, places.length);
        const [own = ''] = places;
        await rm(own, { force: true });
        await take(own);
        assert.deepEqual(await blobs.mount(digest, { from: 'other' }), layer.descriptor);
        assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
      });
    }
  }

  it('taken-place: no blob is answered with 201 without being there', async (test) => {
    const store = await wire.newStore(test);
    const server = await wire.serveStore(test, store);
    const blob = wire.blobOf('a layer');
    await mkdir(folderOf(store).blobPath(blob.digest), { recursive: true });
    assert.equal(await wire.served(server.url, `app/blobs/${blob.digest}`), 404);
    assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
    assert.equal(await wire.served(server.url, `app/blobs/${blob.digest}`), blob.digest);
  });
});
