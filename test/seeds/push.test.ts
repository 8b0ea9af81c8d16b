import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CopyEvent } from '../../src/copy/events.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createIndex } from '../../src/image/create-index.ts';
import { createLayer, type Layer } from '../../src/image/layer.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, brokenContent, failsWith, give } from '../../src/testing/contract/sample.ts';
import { refuse } from './habits.ts';
import { encode, imageOf, layerOf, namedMounts } from './images.ts';
import { answering, countsOf, host, kindsOf, wire } from './wire.ts';

describe('an image', () => {
  // id: push-order
  it('a push sends each digest once, blobs together, the manifest last', async () => {
    const wired = wire();
    const twice = layerOf('twice');
    const image = imageOf('amd64', twice, layerOf('once'), twice);
    const pushed = await wired.client().pushImage(`${host}/app:1`, image);
    assert.deepEqual(countsOf(wired.asked), {
      'manifest.head': 1,
      'blob.head': 3,
      'upload.mount': 3,
      'upload.commit': 3,
      'manifest.put': 1,
    });
    assert.equal(wired.asked.at(-1)?.kind, 'manifest.put');
    assert.ok(
      kindsOf(wired.asked)
        .slice(0, 4)
        .every((kind) => kind.endsWith('.head')),
    );
    const place = wired.at().repository('app');
    assert.equal((await place.manifests.resolve('1'))?.digest, pushed.digest);
    assert.deepEqual(pushed, (await image.manifest()).descriptor);
  });

  // id: push-again
  it('a push of an existing image sends no content', async () => {
    const wired = wire();
    const image = imageOf('amd64', layerOf('a'));
    await wired.client().pushImage(`${host}/app:1`, image);
    wired.take();
    await wired.client().pushImage(`${host}/app:1`, image);
    const asked = wired.take();
    assert.ok(kindsOf(asked).every((kind) => kind.endsWith('.head')));
    assert.deepEqual(
      asked.map(({ bytes }) => bytes),
      asked.map(() => 0),
    );
  });

  // id: nondistributable-layers
  it('a push omits nondistributable layers, unless the option asks for them', async () => {
    for (const nondistributable of [false, true]) {
      const wired = wire();
      const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar';
      const foreign = createLayer(bytesContent(encode('foreign')), { mediaType });
      const events: CopyEvent[] = [];
      await wired.client().pushImage(`${host}/app:1`, imageOf('amd64', foreign), {
        nondistributable,
        onEvent: (event) => events.push(event),
      });
      const { digest } = await foreign.descriptor();
      const there = await wired.at().repository('app').blobs.stat(digest);
      assert.equal(there !== undefined, nondistributable);
      const blob = events.find((event) => event.kind === 'blob' && event.descriptor.digest === digest);
      assert.ok(blob?.kind === 'blob' && blob.outcome === (nondistributable ? 'uploaded' : 'skipped'));
    }
  });

  // id: layer-origin-mount
  it('a layer with an origin is mounted on that registry, and sent to any other', async () => {
    const wired = wire(namedMounts);
    const base = blobOf('base');
    await give(wired.at().repository('base'), base);
    const remembered = (fail: boolean): Layer =>
      createLayer(fail ? brokenContent(base.bytes, 0, () => assert.fail('opened')) : base.content, {
        descriptor: { ...base.descriptor, mediaType: MediaType.ociLayer },
        diffId: base.descriptor.digest,
        origin: { registry: host, repository: 'base' },
      });
    await wired.client().pushImage(`${host}/app:1`, imageOf('amd64', remembered(true)));
    const here = wired.take();
    const sources = here
      .filter(({ url }) => url.includes('from='))
      .map(({ url }) => url.replace(/.*from=/, ''));
    assert.deepEqual(sources, ['base']);
    assert.deepEqual(here[0]?.scopes, ['repository:app:pull,push', 'repository:base:pull']);
    await wired.client().pushImage('other.test/app:1', imageOf('amd64', remembered(false)));
    const there = wired.take();
    assert.ok(there.every(({ url, scopes }) => !url.includes('from=') && scopes.length === 1));
    assert.ok(await wired.at('other.test').repository('app').blobs.stat(base.descriptor.digest));
  });

  // id: mount-from-origin-registry
  it('layers are mounted from another registry, named as their origin, only if the option asks for it', async () => {
    const base = blobOf('base');
    const layer = createLayer(base.content, { origin: { registry: 'other.test', repository: 'base' } });
    for (const mountOrigin of [undefined, 'other.test']) {
      const wired = wire(namedMounts);
      const upload = mountOrigin === undefined ? {} : { mountOrigin };
      const client = wired.client({ upload });
      await client.pushImage(`${host}/app:1`, imageOf('amd64', layer));
      await client.writeLayer({ repository: `${host}/two`, layer });
      const asked = wired.take();
      const mounts = asked.filter(({ url }) => url.includes('origin=') || url.includes('from=base'));
      const said = mounts.map(({ url }) => url.replace(/.*&from=/, ''));
      const both = ['base&origin=other.test', 'base&origin=other.test'];
      assert.deepEqual(said, mountOrigin === undefined ? [] : both);
      assert.ok(asked.every(({ scopes }) => !scopes.join().includes('base')));
      assert.ok(await wired.at().repository('app').blobs.stat(base.descriptor.digest));
    }
  });

  // id: opened-image-mounted
  it('an opened image is mounted from its place, config included, without reading it', async () => {
    const wired = wire(namedMounts);
    await wired.client().pushImage(`${host}/base:1`, imageOf('amd64', layerOf('a'), layerOf('b')));
    const client = wired.client();
    const image = await client.getImage(`${host}/base:1`);
    wired.take();
    await client.pushImage(`${host}/app:1`, image);
    assert.deepEqual(countsOf(wired.take()), {
      'manifest.head': 1,
      'blob.head': 3,
      'upload.mount': 3,
      'manifest.put': 1,
    });
  });
});

describe('the events of a push', () => {
  // id: copy-outcomes
  it('tell what existed, was mounted and was uploaded, each digest once in the whole tree', async () => {
    const wired = wire(namedMounts);
    const place = wired.at();
    const [shared, own, fresh] = [blobOf('shared'), blobOf('amd64'), blobOf('arm64')];
    await give(place.repository('app'), shared);
    await give(place.repository('base'), own);
    const origin = { registry: host, repository: 'base' };
    const layers = {
      shared: createLayer(shared.content),
      amd64: createLayer(own.content, { origin }),
      arm64: createLayer(fresh.content),
    };
    const index = createIndex([
      { image: imageOf('amd64', layers.shared, layers.amd64) },
      { image: imageOf('arm64', layers.shared, layers.arm64) },
    ]);
    const events: CopyEvent[] = [];
    await wired.client().pushIndex(`${host}/app:1`, index, { onEvent: (event) => events.push(event) });
    const outcomes = new Map(
      events.flatMap((event) =>
        event.kind === 'blob' ? [[event.descriptor.digest, event.outcome] as const] : [],
      ),
    );
    assert.equal(outcomes.size, events.filter(({ kind }) => kind === 'blob').length);
    assert.equal(outcomes.get(shared.descriptor.digest), 'existed');
    assert.equal(outcomes.get(own.descriptor.digest), 'mounted');
    assert.equal(outcomes.get(fresh.descriptor.digest), 'uploaded');
    const images = await index.children();
    const configs = await Promise.all(
      images.map(async (image) => (image.kind === 'image' ? (await image.rawConfig()).byteLength : 0)),
    );
    const total = [shared, own, fresh].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    const all = configs.reduce((sum, size) => sum + size, total);
    const last = events.at(-1);
    const sent = all - shared.bytes.byteLength - own.bytes.byteLength;
    assert.deepEqual(last, { kind: 'end', moved: all, complete: all, sent, total: all });
  });

  it('end with the error, and no tag', async () => {
    const wired = wire(answering(['upload.commit'], () => refuse(403)));
    const events: CopyEvent[] = [];
    const pushing = wired
      .client()
      .pushImage(`${host}/app:1`, imageOf('amd64', layerOf('a')), { onEvent: (event) => events.push(event) });
    const error: unknown = await pushing.catch((reason: unknown) => reason);
    await failsWith(pushing, 'DENIED');
    const last = events.at(-1);
    assert.ok(last?.kind === 'end' && last.error === error && last.complete < last.total);
    assert.equal(await wired.at().repository('app').manifests.resolve('1'), undefined);
  });
});
