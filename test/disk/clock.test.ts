import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { StoreCache } from '../../src/disk/cache.ts';
import { DurableFiles } from '../../src/disk/durable.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { BlobPool } from '../../src/disk/pool.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { UploadSessions } from '../../src/disk/sessions.ts';
import { Soundness } from '../../src/disk/soundness.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { blobOf } from '../../src/testing/contract/sample.ts';
import { saidOnStderr } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import * as wire from './server.ts';

const day = 24 * 60 * 60 * 1000;
/** Moves the clock of the machine by two days, and leaves the monotonic clock alone. */
const jump = `
  const now = Date.now;
  let jumped = 0;
  Date.now = () => now() + jumped;
  process.on('SIGUSR2', () => {
    jumped += ${2 * day};
    process.stderr.write('the clock jumped\\n');
  });`;

function send(method: string, target: string, body: Uint8Array): Promise<number> {
  return wire.statusOf(target, { method, body, headers: { 'content-type': 'application/octet-stream' } });
}

describe('an upload session', { skip: process.platform === 'win32' && 'there are no such signals' }, () => {
  it('clock-jumps: an upload continues when the clock of the machine jumps forward', async (test) => {
    const preload = join(await folder(test), 'jump.cjs');
    await writeFile(preload, jump);
    const store = await wire.newStore(test);
    const { url, child } = await wire.serveStore(test, store, [], { nodeOptions: ['--require', preload] });
    const start = async (): Promise<string> => {
      const response = await fetch(`${url}/v2/app/blobs/uploads/`, { method: 'POST' });
      return new URL(response.headers.get('location') ?? '', url).href;
    };
    const upload = await start();
    const blob = wire.blobOf('a layer in two parts');
    assert.equal(await send('PATCH', upload, blob.bytes.subarray(0, 5)), 202);
    const jumped = saidOnStderr(child, /the clock jumped/);
    child.kill('SIGUSR2');
    await jumped;
    // Starting another session makes the registry look at the old ones.
    await start();
    const end = new URL(upload);
    end.searchParams.set('digest', blob.digest);
    assert.equal(await send('PUT', end.href, blob.bytes.subarray(5)), 201);
    assert.equal(await wire.served(url, `app/blobs/${blob.digest}`), blob.digest);
  });

  it('clock-jumps: an upload of an earlier process is kept, too', async (test) => {
    const store = await wire.newStore(test);
    const layer = blobOf('a layer');
    let id = '';
    {
      await using registry = await openDiskRegistry(store);
      const upload = await registry.repository('app').blobs.start();
      await upload.append(bytesContent(layer.bytes));
      id = upload.id;
    }
    const files = await DurableFiles.open(store);
    const pool = new BlobPool(files, await Soundness.open(files));
    const sessions = new UploadSessions(files, pool, new StoreCache());
    await sessions.sweep(day);
    const { now } = Date;
    try {
      Date.now = () => now() + 2 * day;
      await sessions.sweep(day);
      const app = new RepositoryFolder(join(store, 'repositories'), 'app');
      const upload = await sessions.resume(app, id);
      await sessions.sweep(day);
      assert.equal(upload.offset, layer.bytes.byteLength);
      await upload.commit(layer.descriptor.digest);
    } finally {
      Date.now = now;
    }
  });
});
