import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, failsWith, giveImage, listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { finished, gantry, saidOnStderr, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { heldRegistry } from './held-registry.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;

const ways: Readonly<Record<string, (image: string) => string[]>> = {
  'pull to a layout': (image) => ['pull', '--format=oci', image, 'out'],
  'copy to a layout': (image) => ['copy', image, 'oci:out:1'],
  'pull with a cache': (image) => ['pull', '-c', 'cache', image, 'out.tar'],
};

describe('several writers', () => {
  for (const [name, args] of Object.entries(ways)) {
    it(`writers-take-turns: ${name} waits for the one before it, and says so`, async (test) => {
      const cwd = await folder(test);
      const { image, half, release } = await heldRegistry(test);
      const reached = half();
      const first = finished(startGantry(args(image), { cwd }));
      await reached;
      const second = startGantry(args(image), { cwd });
      const ended = finished(second);
      await saidOnStderr(second, /in use by process \d+ on .*: waiting until it has ended\n/);
      release();
      for (const { code, stderr } of [await first, await ended]) assert.equal(code, 0, stderr);
    });

    it(`${name} is refused at once with --no-wait`, async (test) => {
      const cwd = await folder(test);
      const { image, half, release } = await heldRegistry(test);
      const reached = half();
      const first = finished(startGantry(args(image), { cwd }));
      await reached;
      const { code, stderr } = await gantry([...args(image), '--no-wait'], { cwd });
      assert.equal(code, 1);
      assert.match(
        stderr,
        /^gantry: [^\n]*in use by process \d+ on [^\n]*: wait until it has ended, or end it\n$/,
      );
      release();
      assert.equal((await first).code, 0);
    });

    it(`${name} that waits ends with the signal, and disturbs nobody`, { skip: noSignals }, async (test) => {
      const cwd = await folder(test);
      const { image, half, release } = await heldRegistry(test);
      const reached = half();
      const first = finished(startGantry(args(image), { cwd }));
      await reached;
      const second = startGantry(args(image), { cwd });
      const closed = once(second, 'close');
      await saidOnStderr(second, /waiting until it has ended/);
      second.kill('SIGTERM');
      assert.deepEqual(await closed, [143, null]);
      release();
      assert.equal((await first).code, 0);
    });
  }

  it('writers of one process fill one layout together', async (test) => {
    const path = join(await folder(test), 'layout');
    const registry = createMemoryRegistry();
    const tags = Array.from({ length: 8 }, (_, at) => `v${at}`);
    for (const tag of tags) await giveImage(registry.repository('app'), { layers: [blobOf(tag)] }, tag);
    await using served = await startRegistry({ registry });
    await using client = createClient();
    await Promise.all(tags.map((tag) => client.copy(`${served.host}/app:${tag}`, `oci:${path}:${tag}`)));
    await using layout = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(layout.tags.list()), tags);
  });

  it('a layout that would be its own cache is refused before it waits for itself', async (test) => {
    const path = join(await folder(test), 'layout');
    await using client = createClient();
    const options = { format: 'oci', cachePath: path } as const;
    await failsWith(client.pull(['localhost:1/app:1'], path, options), 'INVALID_OPTION');
  });

  it('a cache that was there keeps the blobs that came whole before a pull failed', async (test) => {
    const cwd = await folder(test);
    const registry = createMemoryRegistry();
    const layer = blobOf('a layer');
    await giveImage(registry.repository('app'), { layers: [layer, blobOf('another')] }, '1');
    await registry.repository('app').blobs.delete(blobOf('another').descriptor.digest);
    await using served = await startRegistry({ registry });
    await using client = createClient();
    const pull = (cachePath: string): Promise<unknown> =>
      client.pull([`${served.host}/app:1`], join(cwd, 'out.tar'), { cachePath, jobs: 1 });
    await mkdir(join(cwd, 'cache'));
    for (const cache of ['cache', 'made']) await assert.rejects(pull(join(cwd, cache)));
    assert.deepEqual(await readdir(cwd), ['cache']);
    await using kept = await openLayout(join(cwd, 'cache'), { mode: 'write', cache: true });
    assert.ok(await kept.blobs.stat(layer.descriptor.digest));
  });
});
