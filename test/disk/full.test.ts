import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { lstat, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { takeLock } from '../../src/files/lock.ts';
import { lock, noMounts, smallDisk } from '../bad-input/small-disk.ts';
import { gantry } from '../cli/gantry.ts';
import * as wire from './server.ts';

/** Writes until no block is free. Returns the file whose removal frees space. */
async function fill(disk: string): Promise<string> {
  const path = join(disk, 'filler');
  const file = await open(path, 'w');
  try {
    for (;;) if ((await file.write(Buffer.alloc(4096))).bytesWritten === 0) break;
  } catch {
    // The disk is full.
  } finally {
    await file.close();
  }
  return path;
}

const blobs = [wire.blobOf('{}'), wire.blobOf(randomBytes(1000))];
const image = wire.imageOf(blobs);

async function pushImage(url: string): Promise<void> {
  for (const blob of blobs) assert.equal(await wire.pushBlob(url, 'app', blob), 201);
  assert.equal(await wire.pushManifest(url, 'app', 'v1', image), 201);
}

describe('a registry on a full disk', { skip: noMounts }, () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`full-disk-restart: a registry starts again after ${signal}, is collected, and starts at once when there is room`, async (test) => {
      const store = join(smallDisk(test, '5m'), 'store');
      const first = await wire.serveStore(test, store);
      await pushImage(first.url);
      assert.equal(await wire.pushBlob(first.url, 'app', wire.blobOf(randomBytes(2_000_000))), 201);
      await first.kill(signal);
      const filler = await fill(dirname(store));
      for (const end of ['SIGKILL', 'SIGTERM'] as const) {
        const again = await wire.serveStore(test, store);
        assert.equal(await wire.served(again.url, 'app/manifests/v1'), image.digest);
        const refused = await gantry(['serve', '--disk', store]);
        assert.equal(refused.code, 1);
        assert.ok(refused.stderr.includes(`${again.child.pid}`), refused.stderr);
        await again.kill(end);
      }
      const collected = await gantry(['registry', 'gc', '--grace', '0s', '--untagged', store]);
      assert.equal(collected.code, 0, collected.stderr);
      assert.match(collected.stdout, /^content /m);
      await fill(dirname(store));
      const full = await wire.serveStore(test, store);
      await full.kill();
      await rm(filler);
      const freed = await wire.serveStore(test, store);
      assert.equal(await wire.pushManifest(freed.url, 'app', 'v2', image), 201);
      await freed.kill('SIGTERM');
      assert.deepEqual(
        (await readdir(store)).filter((name) => name.includes('.lock')),
        [],
      );
    });
  }

  it('read-only-disk: serve --read-only serves all content of a disk on which nothing can be written', async (test) => {
    const disk = smallDisk(test, '5m');
    const store = join(disk, 'store');
    const first = await wire.serveStore(test, store);
    await pushImage(first.url);
    // A killed process leaves its lock.
    await first.kill();
    lock(disk);
    const refused = await gantry(['serve', '--disk', store]);
    assert.equal(refused.code, 4);
    for (const _ of [1, 2]) {
      const { url } = await wire.serveStore(test, store, ['--read-only']);
      assert.equal(await wire.served(url, 'app/manifests/v1'), image.digest);
      for (const blob of blobs) assert.equal(await wire.served(url, `app/blobs/${blob.digest}`), blob.digest);
      for (const path of ['app/tags/list', '_catalog', `app/referrers/${image.digest}`]) {
        assert.equal(await wire.statusOf(`${url}/v2/${path}`), 200);
      }
      assert.equal(await wire.served(url, `app/blobs/${wire.blobOf('none').digest}`), 404);
      assert.equal(await wire.pushManifest(url, 'app', 'v2', image), 405);
    }
    assert.equal((await gantry(['registry', 'check', store])).code, 0);
  });

  it('full-disk-lock: a lock on a full disk excludes other processes, and is taken over after its process ends', async (test) => {
    const disk = smallDisk(test, '192k');
    const path = join(disk, 'lock');
    const filler = await fill(disk);
    const held = await takeLock(path, { what: 'the thing' });
    assert.ok((await lstat(path)).isSymbolicLink());
    await assert.rejects(takeLock(path, { what: 'the thing' }), (error: Error) =>
      error.message.includes(`process ${process.pid} `),
    );
    await rm(filler);
    await assert.rejects(takeLock(path, { what: 'the thing' }), { code: 'IN_USE' });
    await held[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(disk), []);
  });
});
