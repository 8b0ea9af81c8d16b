import assert from 'node:assert/strict';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../../test/folder.ts';
import { failsWith } from '../../testing/contract/sample.ts';
import { openStore } from './store.ts';

describe('openStore', () => {
  it('openStore drops idle uploads after --session-ttl', async (test) => {
    const disk = join(await folder(test), 'store');
    let id = '';
    {
      await using store = await openStore(disk);
      ({ id } = await store.registry.repository('app').blobs.start());
    }
    const before = new Date(Date.now() - 2 * 3_600_000);
    const uploads = join(disk, 'uploads');
    for (const name of await readdir(uploads)) await utimes(join(uploads, name), before, before);
    {
      await using store = await openStore(disk, { sessionTtl: '3h' });
      assert.equal((await store.registry.repository('app').blobs.resume(id)).offset, 0);
    }
    await using store = await openStore(disk, { sessionTtl: '1h' });
    await failsWith(store.registry.repository('app').blobs.resume(id), 'BLOB_UPLOAD_UNKNOWN');
  });

  it('openStore refuses a malformed --session-ttl', async (test) => {
    await failsWith(openStore(join(await folder(test), 'store'), { sessionTtl: 'soon' }), 'INVALID_OPTION');
  });

  it('openStore without a folder is in memory and has no lasting secret', async () => {
    await using store = await openStore(undefined);
    assert.equal(store.secret, undefined);
  });
});
