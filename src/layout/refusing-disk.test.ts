import assert from 'node:assert/strict';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { noMounts, smallDisk } from '../../test/bad-input/small-disk.ts';
import { bytesContent, streamContent } from '../flow/content.ts';
import { blobOf, emptyConfig, failsWith, give, noise, read } from '../testing/contract/sample.ts';
import { openLayout } from './repository.ts';

describe('a disk that refuses', () => {
  it('a missing permission is NO_PERMISSION and names the path', {
    skip: process.platform !== 'linux' && 'needs /sys',
  }, async () => {
    const path = '/sys/gantry-test/image';
    await assert.rejects(openLayout(path, { mode: 'write' }), { code: 'NO_PERMISSION', path });
  });

  it('a full disk is NO_SPACE, and nothing stays', { skip: noMounts }, async (test) => {
    const disk = smallDisk(test, '192k');
    {
      await using layout = await openLayout(join(disk, 'image'), { mode: 'write' });
      await failsWith(layout.blobs.ingest(bytesContent(noise(1024 * 1024))), 'NO_SPACE');
      await give(layout, emptyConfig);
    }
    assert.deepEqual(await readdir(disk), []);
  });

  it('an upload on a full disk stays at the stored bytes, and continues when there is room', {
    skip: noMounts,
  }, async (test) => {
    const disk = smallDisk(test, '192k');
    await using layout = await openLayout(join(disk, 'image'), { mode: 'write' });
    const { bytes, descriptor } = blobOf(noise(120 * 1024));
    const filler = join(disk, 'filler');
    await writeFile(filler, noise(100 * 1024));
    const upload = await layout.blobs.start();
    await upload.append(bytesContent(bytes.subarray(0, 40 * 1024)));
    await failsWith(upload.append(bytesContent(bytes.subarray(40 * 1024, 200 * 1024))), 'NO_SPACE');
    assert.equal(upload.offset, 40 * 1024);
    await rm(filler);
    const rest = bytesContent(bytes.subarray(upload.offset));
    assert.deepEqual(await upload.commit(descriptor.digest, rest), descriptor);
    assert.ok(Buffer.from(await read(layout.blobs.open(descriptor))).equals(bytes));
  });

  it('a large upload, which a thread hashes and writes, stays at a stored step on a full disk', {
    skip: noMounts,
  }, async (test) => {
    const mebibyte = 1024 * 1024;
    const disk = smallDisk(test, '5m');
    await using layout = await openLayout(join(disk, 'image'), { mode: 'write' });
    const { bytes, descriptor } = blobOf(noise(4 * mebibyte));
    const filler = join(disk, 'filler');
    await writeFile(filler, noise(2.5 * mebibyte));
    const upload = await layout.blobs.start();
    const source = bytesContent(bytes).open();
    await failsWith(upload.append(streamContent(source)), 'NO_SPACE');
    assert.equal(upload.offset, 2 * mebibyte);
    await rm(filler);
    const rest = bytesContent(bytes.subarray(upload.offset));
    assert.deepEqual(await upload.commit(descriptor.digest, rest), descriptor);
    assert.ok(Buffer.from(await read(layout.blobs.open(descriptor))).equals(bytes));
  });
});
