import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { copyImage } from '../../src/copy/copy.ts';
import { openDaemon } from '../../src/daemon/daemon.ts';
import { CopyError } from '../../src/errors.ts';
import { bytesContent, type Content } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { imageSource } from '../../src/image/source.ts';
import type { Repository } from '../../src/store/contract.ts';
import { brokenContent, noise } from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { startGantry } from '../cli/gantry.ts';
import { heldRegistry } from '../layouts/held-registry.ts';
import { stage } from './stage.ts';

const bytes = noise(300_000);

/** Returns an image as a source whose layer is read as `content` in place of its bytes. */
async function sourceWith(content: Content): Promise<{ readonly from: Repository; readonly digest: string }> {
  const layers = [createLayer(bytesContent(bytes))];
  const { repository, root } = await imageSource(
    createImage({ config: { os: 'linux', architecture: 'amd64' }, layers }),
  );
  const open: Repository['blobs']['open'] = (blob) =>
    typeof blob === 'object' && blob.size === bytes.byteLength ? content : repository.blobs.open(blob);
  return { from: { ...repository, blobs: { ...repository.blobs, open } }, digest: root.digest };
}

describe('a load that does not end', () => {
  const fault = new Error('the source broke');
  const failures: Readonly<Record<string, Content>> = {
    'a source that fails': brokenContent(bytes, 100_000, () => {
      throw fault;
    }),
    'a source with other bytes': bytesContent(noise(300_001).subarray(1)),
    'a source that is too short': { ...bytesContent(bytes.subarray(1)), size: bytes.byteLength },
  };
  for (const [name, content] of Object.entries(failures)) {
    it(`After ${name} the daemon has nothing, and the error names the source.`, async (test) => {
      const at = await stage(test);
      await using daemon = await openDaemon({ host: at.daemon.host });
      const { from, digest } = await sourceWith(content);
      const load = await daemon.load('app');
      await assert.rejects(
        copyImage(from, digest, load, { tags: ['1'] }),
        (error) => error instanceof CopyError,
      );
      await load[Symbol.asyncDispose]();
      await at.daemon.cut();
      assert.deepEqual(at.daemon.images.ids(), []);
      assert.deepEqual(at.daemon.loads, []);
    });
  }

  it('An abort breaks the request off, and is rethrown as it is.', async (test) => {
    const at = await stage(test);
    await using daemon = await openDaemon({ host: at.daemon.host });
    const abort = new AbortController();
    const reason = new Error('enough');
    const { from, digest } = await sourceWith(brokenContent(bytes, 100_000, () => abort.abort(reason)));
    const load = await daemon.load('app');
    await assert.rejects(
      copyImage(from, digest, load, { tags: ['1'], signal: abort.signal }),
      (error) => error === reason,
    );
    await load[Symbol.asyncDispose]();
    await at.daemon.cut();
    assert.deepEqual(at.daemon.images.ids(), []);
  });

  it('A load that is disposed without a commit leaves nothing in the daemon.', async (test) => {
    const at = await stage(test);
    await using daemon = await openDaemon({ host: at.daemon.host });
    const { from, digest } = await sourceWith(bytesContent(bytes));
    const load = await daemon.load('app');
    await copyImage(from, digest, load, { tags: ['1'] });
    await load[Symbol.asyncDispose]();
    await at.daemon.cut();
    assert.deepEqual(at.daemon.images.ids(), []);
  });

  it('A daemon that breaks the connection is named in the error.', async (test) => {
    const at = await stage(test, { cutAfter: 50_000 });
    await using daemon = await openDaemon({ host: at.daemon.host });
    const { from, digest } = await sourceWith(bytesContent(bytes));
    await using load = await daemon.load('app');
    await assert.rejects(copyImage(from, digest, load, { tags: ['1'] }), /docker\.sock.*/);
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`A process that ends by ${signal} in the middle of a layer leaves nothing in the daemon and no file.`, {
      skip: process.platform === 'win32' ? 'Windows has no such signals' : false,
    }, async (test) => {
      const at = await stage(test);
      const held = await heldRegistry(test);
      const half = held.half();
      const child = startGantry(['copy', held.image, 'docker-daemon:app:1'], { env: at.env });
      atEnd(test, () => child.kill('SIGKILL'));
      await half;
      const closed = once(child, 'close');
      child.kill(signal);
      await closed;
      await at.daemon.cut();
      assert.deepEqual(at.daemon.images.ids(), []);
      assert.deepEqual(await readdir(at.path), []);
    });
  }
});
