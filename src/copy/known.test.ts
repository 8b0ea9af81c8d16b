import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, giveImage } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { copyImage } from './copy.ts';
import { type OverProtocol, overProtocol } from './stage.test.support.ts';

interface Scene extends Omit<OverProtocol, 'remote'> {
  /** Holds an image as `v1`, and is no registry. */
  readonly from: Repository;
  readonly image: Manifest;
  readonly to: Repository;
}

/** Copies an image to a registry, so that gantry has seen it there, and forgets the requests for it. */
async function scene(around?: (send: Send) => Send): Promise<Scene> {
  const { remote: to, inside, asked } = overProtocol(around);
  const from = createMemoryRegistry().repository('from');
  const image = await giveImage(from, { layers: [blobOf('a'), blobOf('b')] }, 'v1');
  await copyImage(from, 'v1', to, { tags: ['v1'] });
  asked.length = 0;
  return { from, image, to, inside, asked };
}

const change = { layers: [blobOf('a'), blobOf('changed')] };

describe('a copy of an image that gantry has seen at the destination', () => {
  it('a known image gets a further tag with one question and one write', async () => {
    const { from, to, inside, image, asked } = await scene();
    await copyImage(from, 'v1', to, { tags: ['v2'] });
    assert.deepEqual(asked, ['HEAD manifests/sha256', 'PUT manifests/v2']);
    assert.equal((await inside.manifests.resolve('v2'))?.digest, image.descriptor.digest);
  });

  it('a known image that was deleted is sent again', async () => {
    const { from, to, inside, image } = await scene();
    await inside.manifests.delete(image.descriptor.digest);
    await copyImage(from, 'v1', to, { tags: ['v2'] });
    assert.equal((await inside.manifests.resolve('v2'))?.digest, image.descriptor.digest);
  });

  it('the missing blob of a known image is sent when the destination refuses the tag', async () => {
    const { from, to, inside, image, asked } = await scene();
    const blob = blobOf('a').descriptor.digest;
    await inside.blobs.delete(blob);
    await copyImage(from, 'v1', to, { tags: ['v2'] });
    assert.deepEqual(asked.slice(0, 2), ['HEAD manifests/sha256', 'PUT manifests/v2']);
    assert.equal((await inside.manifests.resolve('v2'))?.digest, image.descriptor.digest);
    assert.ok(await inside.blobs.stat(blob));
  });

  it('a refusal of the tag of a known image for another reason is the error of the copy', async () => {
    const { from, to } = await scene((send) => (request) => {
      const isTag = request.url.endsWith('/manifests/v2') && request.method === 'PUT';
      return isTag ? Promise.resolve({ status: 403, headers: {}, body: empty() }) : send(request);
    });
    await assert.rejects(copyImage(from, 'v1', to, { tags: ['v2'] }), { code: 'DENIED' });
  });

  it('a known tag that another writer has moved gets its image back', async () => {
    const { from, to, inside, image } = await scene();
    await giveImage(inside, change, 'v1');
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal((await inside.manifests.resolve('v1'))?.digest, image.descriptor.digest);
  });

  it('an image that replaces a known one is sent without a wait for the answer about the tag', async () => {
    const wanted = new AbortController();
    const asked = once(wanted.signal, 'abort');
    let isFirst = true;
    const { from, to, inside } = await scene((send) => async (request) => {
      if (request.method === 'PUT' && request.url.includes('/manifests/')) isFirst = false;
      if (!isFirst && request.url.includes('/blobs/')) wanted.abort();
      if (!isFirst && request.method === 'HEAD' && request.url.endsWith('/manifests/v1')) await asked;
      return send(request);
    });
    const changed = await giveImage(from, change, 'v1');
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal((await inside.manifests.resolve('v1'))?.digest, changed.descriptor.digest);
  });

  it('a destination that does not answer about a known image is asked for its content after a second', async () => {
    const wanted = new AbortController();
    const asked = once(wanted.signal, 'abort');
    let isFirst = true;
    const { from, to, inside, image } = await scene((send) => async (request) => {
      if (request.method === 'PUT' && request.url.includes('/manifests/')) isFirst = false;
      if (request.method === 'HEAD' && request.url.endsWith('/manifests/v2')) wanted.abort();
      if (!isFirst && request.method === 'HEAD' && request.url.includes('/manifests/sha256')) await asked;
      return send(request);
    });
    await copyImage(from, 'v1', to, { tags: ['v2'] });
    assert.equal((await inside.manifests.resolve('v2'))?.digest, image.descriptor.digest);
  });

  it('an unknown image of a known repository is asked for by its tag, and its blobs at the same time', async () => {
    const { from, to, inside, asked } = await scene();
    const changed = await giveImage(from, change, 'v2');
    await copyImage(from, 'v2', to, { tags: ['v2'], patience: 0 });
    assert.equal(asked[0], 'HEAD manifests/v2');
    assert.equal((await inside.manifests.resolve('v2'))?.digest, changed.descriptor.digest);
  });

  it('with `tagsAreThere`, the copy of an unchanged tag reads no manifest of a registry', async () => {
    const { to, inside, asked, image } = await scene();
    await inside.manifests.put(image, { tags: ['other'] });
    const second = await scene();
    await second.inside.manifests.put(image, { tags: ['other'] });
    await copyImage(to, 'other', second.to, { tags: ['other'], tagsAreThere: true });
    assert.deepEqual(asked, ['HEAD manifests/other']);
    assert.deepEqual(second.asked, ['HEAD manifests/other']);
  });

  it('with `tagsAreThere`, a changed tag is copied', async () => {
    const { from, to, inside } = await scene();
    await giveImage(inside, change, 'v2');
    const wanted = await giveImage(from, { layers: [blobOf('new')] }, 'v2');
    await copyImage(from, 'v2', to, { tags: ['v2'], tagsAreThere: true });
    assert.equal((await inside.manifests.resolve('v2'))?.digest, wanted.descriptor.digest);
  });
});

async function* empty(): AsyncIterable<Uint8Array> {}
