import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { blobPath } from '../../src/blobfile/blob-file.ts';
import { checkStore } from '../../src/disk/check.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { bytesContent } from '../../src/flow/content.ts';
import type { Digest } from '../../src/spec/digest.ts';
import { blobOf, failsWith, give, giveImage, read } from '../../src/testing/contract/sample.ts';
import { lock, noMounts, smallDisk } from '../bad-input/small-disk.ts';
import { gantry } from '../cli/gantry.ts';
import { needs } from '../peer.ts';
import { filled, folderOf, layer, spoil } from './filled.ts';
import * as wire from './server.ts';

describe('a blob whose file was damaged', () => {
  const { digest } = layer.descriptor;

  it('a damaged blob is never served whole, then counts as missing, and a push heals it for all repositories', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    await using registry = await openDiskRegistry(store);
    const [app, other] = ['app', 'other'].map((name) => registry.repository(name));
    assert.ok(app !== undefined && other !== undefined);
    await other.blobs.mount(digest, { from: 'app' });
    await spoil(blobPath(store, digest));
    await failsWith(read(app.blobs.open(digest)), 'DIGEST_INVALID');
    assert.equal(await app.blobs.stat(digest), undefined);
    assert.equal(await other.blobs.mount(digest, { from: 'app' }), undefined);
    await (await other.blobs.start()).commit(digest, layer.content);
    for (const { blobs } of [app, other]) assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('a damaged blob exists again after it was deleted and pushed again', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    await spoil(blobPath(store, digest));
    await failsWith(read(blobs.open(digest)), 'DIGEST_INVALID');
    assert.equal(await blobs.delete(digest), true);
    await (await blobs.start()).commit(digest, layer.content);
    assert.deepEqual(await blobs.stat(digest), layer.descriptor);
    assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
  });

  it('a push that knows the bytes finds the damage, also of the same length', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    for (const harm of [spoil, (path: string) => truncate(path, 3)]) {
      await harm(blobPath(store, digest));
      await using registry = await openDiskRegistry(store);
      const { blobs } = registry.repository('new');
      await (await blobs.start()).commit(digest, layer.content);
      assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
    }
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('a sound blob is stored once, and its bytes are written once, when another repository pushes it', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    const { ino } = await stat(blobPath(store, digest));
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('other');
    await (await blobs.start()).commit(digest, layer.content);
    assert.equal((await stat(folderOf(store, 'other').blobPath(digest))).ino, ino);
    assert.deepEqual(await readdir(join(store, 'uploads')), []);
  });
});

describe('a large blob that was hashed as it came in', () => {
  const large = blobOf('a large layer '.repeat(100_000));
  const { digest } = large.descriptor;

  it('a large blob is hashed again when its file has changed since the upload', async (test) => {
    const store = await wire.newStore(test);
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    await (await blobs.start()).commit(digest, large.content);
    assert.deepEqual(await read(blobs.open(digest)), large.bytes);
    await spoil(folderOf(store).blobPath(digest));
    await failsWith(read(blobs.open(digest)), 'DIGEST_INVALID');
    assert.equal(await blobs.stat(digest), undefined);
  });
});

describe('an upload whose bytes do not get to the disk', () => {
  it('an upload whose bytes cannot reach the disk ends at once, since a retry would be reported as a success', async (test) => {
    const store = await wire.newStore(test);
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    const upload = await blobs.start();
    await upload.append(layer.content);
    for (const name of await readdir(join(store, 'uploads'))) await rm(join(store, 'uploads', name));
    await failsWith(upload.commit(layer.descriptor.digest), 'IO_FAILED');
    await failsWith(upload.commit(layer.descriptor.digest), 'BLOB_UPLOAD_UNKNOWN');
    await failsWith(blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('a link in the place of a file', {
  skip: process.platform === 'win32' && 'links need rights',
}, () => {
  it('a link is no blob and no tag, wherever it leads', async (test) => {
    const store = await filled(test, (repository) => giveImage(repository, { layers: [layer] }, 'v1'));
    const folder = folderOf(store);
    const { digest } = layer.descriptor;
    for (const path of [folder.blobPath(digest), folder.tagPath('v1')]) {
      const target = `${store}.elsewhere`;
      await rename(path, target);
      await symlink(target, path);
    }
    await using registry = await openDiskRegistry(store);
    const { blobs, manifests } = registry.repository('app');
    assert.equal(await blobs.stat(digest), undefined);
    await failsWith(read(blobs.open(digest)), 'IO_FAILED');
    assert.equal(await manifests.resolve('v1'), undefined);
  });
});

describe('an upload that nobody goes on with', () => {
  it('an idle upload is removed after its time at a start and later, and an active one is not', async (test) => {
    const store = await wire.newStore(test);
    const hour = 3_600_000;
    const ids: string[] = [];
    {
      await using registry = await openDiskRegistry(store);
      for (let n = 0; n < 2; n++) {
        const upload = await registry.repository('app').blobs.start();
        await upload.append(bytesContent(layer.bytes));
        ids.push(upload.id);
      }
    }
    const uploads = join(store, 'uploads');
    const [old = ''] = (await readdir(uploads)).filter((name) => name.startsWith(ids[0] ?? '?'));
    await utimes(join(uploads, old), new Date(Date.now() - 25 * hour), new Date(Date.now() - 25 * hour));
    await writeFile(join(store, 'tmp', crypto.randomUUID()), 'half a file');
    await using registry = await openDiskRegistry(store, { sessionTtl: 24 * hour });
    const { blobs } = registry.repository('app');
    await failsWith(blobs.resume(ids[0] ?? ''), 'BLOB_UPLOAD_UNKNOWN');
    assert.equal((await blobs.resume(ids[1] ?? '')).offset, layer.bytes.byteLength);
    assert.deepEqual(await readdir(join(store, 'tmp')), []);
  });
});

describe('a store and the disk below it', () => {
  it('a store is taken over from a killed server, and from no other', async (test) => {
    const store = await wire.newStore(test);
    const first = await wire.serveStore(test, store);
    const refused = await gantry(['serve', '--disk', store]);
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(`${first.child.pid}`));
    await first.kill();
    const second = await wire.serveStore(test, store);
    assert.equal(await wire.statusOf(`${second.url}/v2/`), 200);
  });

  it('a store that may not be written to is reported in one line', { skip: noMounts }, async (test) => {
    const disk = smallDisk(test);
    lock(disk);
    const { code, stderr } = await gantry(['serve', '--disk', disk]);
    assert.equal(code, 4);
    assert.match(stderr, /^gantry: [^\n]*read-only\n$/);
  });

  it('on a full disk only content that does not fit fails, and everything works again when there is room', {
    skip: noMounts,
  }, async (test) => {
    const store = join(smallDisk(test), 'store');
    const server = await wire.serveStore(test, store);
    const small = [wire.blobOf('{}'), wire.blobOf(randomBytes(100_000))];
    for (const blob of small) assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
    assert.equal(await wire.pushManifest(server.url, 'app', 'v1', wire.imageOf(small)), 201);
    for (const _ of [1, 2]) {
      assert.equal(await wire.pushBlob(server.url, 'app', wire.blobOf(randomBytes(3_000_000))), 503);
    }
    assert.deepEqual(await readdir(join(store, 'uploads')), []);
    // The store has not changed, and content that fits goes in.
    assert.equal(await wire.served(server.url, 'app/manifests/v1'), wire.imageOf(small).digest);
    const another = wire.blobOf(randomBytes(100_000));
    assert.equal(await wire.pushBlob(server.url, 'app', another), 201);
    // Fills the disk to the last page: not even a manifest goes in, and nothing of it stays.
    const filler = join(dirname(store), 'filler');
    await writeFile(filler, randomBytes(900_000)).catch(() => undefined);
    const next = wire.imageOf([...small, another]);
    assert.equal(await wire.pushManifest(server.url, 'app', 'v2', next), 503);
    assert.equal(await wire.served(server.url, 'app/manifests/v2'), 404);
    assert.equal(await wire.served(server.url, `app/blobs/${another.digest}`), another.digest);
    assert.deepEqual((await checkStore(store)).findings, []);
    await rm(filler);
    assert.equal(await wire.pushManifest(server.url, 'app', 'v2', next), 201);
    assert.equal(await wire.served(server.url, 'app/manifests/v2'), next.digest);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.deepEqual(await readdir(join(store, 'tmp')), []);
  });
});

describe('a repository that is being served', needs('skopeo'), () => {
  it('other tools can read a served repository as an image layout some seconds after a push', async (test) => {
    const store = await wire.newStore(test);
    const server = await wire.serveStore(test, store);
    const config = wire.blobOf(
      JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } }),
    );
    assert.equal(await wire.pushBlob(server.url, 'acme/app', config), 201);
    const pushed = wire.imageOf([config]);
    assert.equal(await wire.pushManifest(server.url, 'acme/app', 'v1', pushed), 201);
    const { layout } = folderOf(store, 'acme/app');
    await changed(layout, 'index.json');
    const raw = await output('skopeo', ['inspect', '--raw', `oci:${layout}:v1`]);
    assert.equal(wire.blobOf(raw).digest satisfies Digest, pushed.digest);
  });
});

/** Resolves when the file exists. */
async function changed(folder: string, name: string): Promise<void> {
  const { watch } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true });
  const stop = new AbortController();
  const events = watch(folder, { signal: stop.signal });
  for await (const _ of events) if ((await readdir(folder)).includes(name)) return;
}
