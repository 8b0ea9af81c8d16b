import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { digestOf } from '../../src/flow/hash.ts';
import { createIndex } from '../../src/image/create-index.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, failsWith, give, giveImage, indexOf, read } from '../../src/testing/contract/sample.ts';
import { answer } from '../../src/wire/reply.ts';
import { encode, imageOf, indexOfImages, layerOf, linux, puts } from './images.ts';
import { answering, countsOf, host, wire } from './wire.ts';

describe('an index', () => {
  // id: index-children-together
  it('the children of an index are pushed at the same time', async () => {
    const both = new AbortController();
    const together = once(both.signal, 'abort');
    const heads = new Set<string>();
    const own = await Promise.all(
      ['amd64', 'arm64'].map(async (name) => (await layerOf(name).descriptor()).digest),
    );
    const wired = wire(
      answering(['blob.head'], ({ url }) => {
        if (!own.some((digest) => url.endsWith(digest))) return undefined;
        heads.add(url);
        if (heads.size === 2) both.abort();
        // If the client sent them one after the other, the second would never come.
        return together.then(() => answer(404));
      }),
    );
    await wired.client().pushIndex(`${host}/app:1`, indexOfImages('amd64', 'arm64'));
    assert.equal(heads.size, 2);
  });

  // id: index-after-images
  it('an index in an index comes after its images and before its parent', async () => {
    const wired = wire();
    const inner = indexOfImages('amd64', 'arm64');
    const outer = createIndex([{ image: inner }, { image: imageOf('s390x', layerOf('shared')) }]);
    await wired.client().pushIndex(`${host}/app:1`, outer);
    const order = puts(wired.asked);
    const innerDigest = (await inner.manifest()).descriptor.digest;
    const leaves = (await inner.manifest()).body.manifests.map(({ digest }) => digest);
    assert.equal(order.length, 5);
    assert.equal(order.at(-1), '1');
    for (const leaf of leaves) assert.ok(order.indexOf(leaf) < order.indexOf(innerDigest));
    const { 'upload.commit': uploads } = countsOf(wired.asked);
    // Three configs, the shared layer, and a layer of each other image.
    assert.equal(uploads, 6);
  });

  // id: index-partly-there
  it('a push of an index sends only the missing children', async () => {
    const wired = wire();
    await wired.client().pushIndex(`${host}/app:1`, indexOfImages('amd64', 'arm64'));
    wired.take();
    await wired.client().pushIndex(`${host}/app:2`, indexOfImages('amd64', 's390x'));
    const asked = wired.take();
    assert.equal(puts(asked).length, 2);
    // The config and the own layer of the new image.
    assert.equal(countsOf(asked)['upload.commit'], 2);
  });

  // id: index-of-unknown-types
  it('an index may list unknown types: manifests go as manifests, the rest as blobs', async () => {
    const wired = wire();
    const from = wired.at('from.test').repository('odd');
    const wasm = { ...blobOf('wasm').descriptor, mediaType: 'application/wasm' };
    await give(from, blobOf('wasm'));
    const bytes = encode('{"schemaVersion":2,"mediaType":"application/vnd.acme.thing+json"}');
    const thing = parseManifest(bytes, { digest: digestOf(bytes) });
    const image = await giveImage(from);
    const index = indexOf([image.descriptor, thing.descriptor, wasm]);
    for (const manifest of [thing, index])
      await from.manifests.put(manifest, { tags: manifest === index ? ['1'] : [] });
    const client = wired.client();
    await client.pushIndex(`${host}/odd:1`, await client.getIndex('from.test/odd:1'));
    const to = wired.at().repository('odd');
    assert.deepEqual((await to.manifests.get(thing.descriptor.digest)).bytes, bytes);
    assert.deepEqual(await read(to.blobs.open(wasm.digest)), encode('wasm'));
    assert.deepEqual((await to.manifests.get('1')).bytes, index.bytes);
    await failsWith(to.manifests.get(wasm.digest), 'MANIFEST_UNKNOWN');
  });

  // id: sparse-index
  it('a sparse copy keeps the index unchanged, with the chosen children', async () => {
    const wired = wire();
    const client = wired.client();
    const { digest } = await client.pushIndex('from.test/app:1', indexOfImages('amd64', 'arm64'));
    const platforms = [linux('arm64')];
    const copied = await client.copy('from.test/app:1', `${host}/app:1`, { platforms, sparse: true });
    assert.equal(copied.digest, digest);
    const there = async (place: Repository) => {
      const { manifests = [] } = await client.inspect('from.test/app:1');
      const found = await Promise.all(manifests.map((child) => place.manifests.resolve(child.digest)));
      return found.map((child) => child !== undefined);
    };
    assert.deepEqual(await there(wired.at().repository('app')), [false, true]);
    // A later choice of platforms copies its images then, though the index exists.
    await client.copy('from.test/app:1', `${host}/app:1`, { platforms: [linux('amd64')], sparse: true });
    assert.deepEqual(await there(wired.at().repository('app')), [true, true]);
  });
});
