import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as core from '../../src/core.ts';
import * as whole from '../../src/index.ts';
import { blobOf, failsWith, giveImage, listOf } from '../../src/testing/contract/sample.ts';

/** The names of gantry/core that open registries over HTTP without the login and the retries of a client. */
const own = ['createRemoteRegistry', 'createRegistryLine'];

describe('gantry/core', () => {
  it('every value of gantry/core is the same value as in gantry, except the registries over HTTP', () => {
    const all = new Map<string, unknown>(Object.entries(whole));
    const different = Object.entries(core).filter(([name, value]) => all.get(name) !== value);
    assert.deepEqual(different.map(([name]) => name).sort(), own.toSorted());
  });

  it('an error of gantry/core is an error of gantry', async () => {
    const place = core.createMemoryRegistry().repository('acme/app');
    const error = await place.manifests.get('absent').catch((reason: unknown) => reason);
    assert.ok(whole.isGantryError(error, 'MANIFEST_UNKNOWN'), String(error));
    assert.ok(error instanceof core.NotFoundError);
  });

  it('a copy to a registry over a fetch that fails is NO_CONNECTION, and sets no tag', async () => {
    const from = core.createMemoryRegistry().repository('acme/app');
    await giveImage(from, { layers: [blobOf('layer')] }, '1');
    const transport = core.fetchTransport(() => Promise.reject(new TypeError('fetch failed')));
    const to = core
      .createRemoteRegistry({ base: 'https://registry.test', send: transport.send })
      .repository('acme/app');
    await failsWith(core.copyImage(from, '1', to, { tags: ['1'] }), 'NO_CONNECTION');
  });

  it('a copy through the portable parts leaves the same digest and no other tag', async () => {
    const from = core.createMemoryRegistry().repository('acme/app');
    const to = core.createMemoryRegistry().repository('acme/app');
    const image = await giveImage(from, { layers: [blobOf('layer')] }, '1', '2');
    const { digest } = await core.copyImage(from, '1', to, { tags: ['1'] });
    assert.equal(digest, image.descriptor.digest);
    assert.deepEqual(await listOf(to.tags.list()), ['1']);
  });
});
