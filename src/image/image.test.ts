import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { copyImage } from '../copy/copy.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, type Content, mapContent, type OpenOptions } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { writeTar } from '../tar/write.ts';
import { blobOf, failsWith, give, giveImage, imageOf, indexOf, read } from '../testing/contract/sample.ts';
import { createImage } from './create.ts';
import { createIndex } from './create-index.ts';
import { createLayer } from './layer.ts';
import { openImage } from './open-image.ts';
import { openIndex } from './open-index.ts';
import { imageSource } from './source.ts';

const encoder = new TextEncoder();

function tarOf(text: string): Promise<Uint8Array> {
  const bytes = encoder.encode(text);
  const files = [{ name: 'file', size: bytes.byteLength, body: bytesContent(bytes).open() }];
  return collect(writeTar(files), { limit: 2 ** 20, what: 'tar' });
}

/** The content, and the number of times that it was opened. */
function countedContent(content: Content) {
  const state = { opened: 0 };
  const counting = mapContent(content, (bytes) => {
    state.opened++;
    return bytes;
  });
  return { content: counting, state };
}

const place = (): Repository => createMemoryRegistry().repository('acme/app');

const textOf = async (content: Content, options?: OpenOptions): Promise<string> =>
  new TextDecoder().decode(await read(content, options));

describe('createLayer', () => {
  it('a layer computes its digest, size and diff id on demand and only once', async () => {
    const tar = await tarOf('hello');
    const zipped = gzipSync(tar);
    const { content, state } = countedContent(bytesContent(zipped));
    const layer = createLayer(content);
    assert.equal(state.opened, 0);
    const expected = { mediaType: MediaType.ociLayerGzip, digest: digestOf(zipped), size: zipped.byteLength };
    assert.deepEqual(await layer.descriptor(), expected);
    assert.equal(await layer.diffId(), digestOf(tar));
    assert.equal(state.opened, 2);
    await Promise.all([layer.descriptor(), layer.diffId()]);
    assert.equal(state.opened, 2);
  });

  it('a layer shares one computation among concurrent callers', async () => {
    const { content, state } = countedContent(bytesContent(gzipSync(await tarOf('hello'))));
    const layer = createLayer(content);
    await Promise.all([layer.descriptor(), layer.descriptor(), layer.diffId(), layer.diffId()]);
    assert.equal(state.opened, 2);
  });

  it('a layer reads nothing for facts that it was given', async () => {
    const { descriptor, content: bytes } = blobOf('x');
    const { content, state } = countedContent(bytes);
    const diffId = digestOf(encoder.encode('y'));
    const layer = createLayer(content, { descriptor, diffId });
    assert.deepEqual(await layer.descriptor(), descriptor);
    assert.equal(await layer.diffId(), diffId);
    assert.equal(layer.mediaType, descriptor.mediaType);
    assert.equal(state.opened, 0);
  });

  it('a layer does not keep an error, so the next call computes again', async () => {
    const tar = await tarOf('hello');
    let isBroken = true;
    const content = mapContent(bytesContent(gzipSync(tar)), async function* (bytes) {
      if (isBroken) throw new Error('the cable is out');
      yield* bytes;
    });
    const layer = createLayer(content);
    await assert.rejects(layer.diffId(), /cable/);
    await assert.rejects(layer.descriptor(), /cable/);
    isBroken = false;
    assert.equal(await layer.diffId(), digestOf(tar));
    assert.equal((await layer.descriptor()).digest, digestOf(gzipSync(tar)));
  });

  it('a layer stops computing when the signal aborts', async () => {
    const layer = createLayer(bytesContent(gzipSync(await tarOf('hello'))));
    const signal = AbortSignal.abort('stop');
    await assert.rejects(layer.diffId({ signal }), (error) => error === 'stop');
    await assert.rejects(layer.descriptor({ signal }), (error) => error === 'stop');
    assert.ok(await layer.diffId());
  });

  it('a layer returns its tar and any part of it, compressed or not', async () => {
    for (const stored of [gzipSync('0123456789'), encoder.encode('0123456789')]) {
      const tar = createLayer(bytesContent(stored)).uncompressed();
      assert.equal(await textOf(tar), '0123456789');
      assert.equal(await textOf(tar, { from: 4 }), '456789');
      assert.equal(await textOf(tar, { from: 2, to: 5 }), '234');
      assert.equal(await textOf(tar, { to: 10 }), '0123456789');
      assert.equal(await textOf(tar, { from: 10 }), '');
    }
  });

  it('a damaged layer fails to unpack', async () => {
    const layer = createLayer(bytesContent(gzipSync('0123456789').subarray(0, 15)));
    await failsWith(layer.diffId(), 'DIGEST_INVALID');
    await failsWith(read(layer.uncompressed()), 'DIGEST_INVALID');
  });
});

async function sampleImage(text = 'hello') {
  const tars = [await tarOf('base'), await tarOf(text)];
  const layers = tars.map((tar) => createLayer(bytesContent(gzipSync(tar))));
  const config = { os: 'linux', architecture: 'amd64', config: { Labels: { text } } };
  return { tars, image: createImage({ config, layers, annotations: { made: 'here' } }) };
}

const madeDigest = async (text: string): Promise<string> =>
  (await (await sampleImage(text)).image.manifest()).descriptor.digest;

describe('createImage', () => {
  it('a new image derives its config and manifest from its parts', async () => {
    const { tars, image } = await sampleImage();
    const config = await image.config();
    assert.deepEqual(config.rootfs, { type: 'layers', diff_ids: tars.map((tar) => digestOf(tar)) });
    const raw = await image.rawConfig();
    assert.deepEqual(JSON.parse(new TextDecoder().decode(raw)), config);
    const { descriptor, bytes, body } = await image.manifest();
    assert.equal(descriptor.mediaType, MediaType.ociManifest);
    assert.equal(digestOf(bytes), descriptor.digest);
    assert.deepEqual(body.config, {
      mediaType: MediaType.ociConfig,
      digest: digestOf(raw),
      size: raw.byteLength,
    });
    assert.deepEqual(body.annotations, { made: 'here' });
    assert.deepEqual(
      body.layers,
      await Promise.all((await image.layers()).map((layer) => layer.descriptor())),
    );
  });

  it('a new image has the same digest every time, and another digest with another layer', async () => {
    assert.equal(await madeDigest('a'), await madeDigest('a'));
    assert.notEqual(await madeDigest('a'), await madeDigest('b'));
  });

  it('a new image may have no layers', async () => {
    const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });
    assert.deepEqual((await image.config()).rootfs.diff_ids, []);
    assert.deepEqual((await image.manifest()).body.layers, []);
  });
});

async function pushed() {
  const { tars, image } = await sampleImage();
  const { repository, root } = await imageSource(image);
  const there = place();
  await copyImage(repository, root.digest, there);
  return { tars, made: image, there, manifest: await there.manifests.get(root.digest) };
}

describe('openImage', () => {
  it('an opened image shows the pushed content', async () => {
    const { tars, made, there, manifest } = await pushed();
    const image = openImage(there, manifest);
    assert.deepEqual((await image.manifest()).bytes, (await made.manifest()).bytes);
    assert.deepEqual(await image.rawConfig(), await made.rawConfig());
    assert.deepEqual((await image.config()).config?.Labels, { text: 'hello' });
    const layers = await image.layers();
    assert.equal(layers.length, 2);
    for (const [at, layer] of layers.entries()) {
      assert.equal(await layer.diffId(), digestOf(tars[at] ?? new Uint8Array()));
      assert.deepEqual(await read(layer.uncompressed()), tars[at]);
    }
  });

  it('an opened image reads its config once and its layers each time, and reports missing ones', async () => {
    const { there, manifest } = await pushed();
    const [image, unread] = [openImage(there, manifest), openImage(there, manifest)];
    const { config, layers } = (await image.manifest()).body;
    const views = await image.layers();
    for (const { digest } of [config, ...layers]) await there.blobs.delete(digest);
    assert.equal((await image.config()).os, 'linux');
    await failsWith(unread.config(), 'BLOB_UNKNOWN');
    await failsWith(read(views[0]?.compressed() ?? bytesContent(new Uint8Array())), 'BLOB_UNKNOWN');
  });

  it('an opened image refuses a malformed config', async () => {
    const there = place();
    const config = blobOf('<html>');
    await give(there, config);
    const manifest = imageOf({ config });
    await failsWith(openImage(there, manifest).config(), 'MANIFEST_INVALID');
    assert.deepEqual(await openImage(there, manifest).rawConfig(), config.bytes);
  });

  it('openImage refuses a manifest that is no image and names its type', async () => {
    const index = indexOf([]);
    const refused = {
      code: 'MANIFEST_INVALID',
      message: new RegExp(`${index.descriptor.digest}.*image\\.index`),
    };
    assert.throws(() => openImage(place(), index), refused);
  });

  it('an opened artifact has layers although its config does not name them', async () => {
    const there = place();
    const [config, layer] = [blobOf('{}'), blobOf('a chart')];
    await give(there, config, layer);
    const bytes = encoder.encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        artifactType: 'application/vnd.acme.chart',
        config: { ...config.descriptor, mediaType: MediaType.empty },
        layers: [layer.descriptor],
      }),
    );
    const manifest = parseManifest(bytes, { digest: digestOf(bytes) });
    await there.manifests.put(manifest);
    const artifact = openImage(there, manifest);
    const [view, ...rest] = await artifact.layers();
    assert.deepEqual([await view?.descriptor(), rest], [layer.descriptor, []]);
    const to = place();
    const { repository, root } = await imageSource(artifact);
    await copyImage(repository, root.digest, to);
    assert.deepEqual((await to.manifests.get(root.digest)).bytes, bytes);
  });
});

const sampleEntries = async () => [
  { image: (await sampleImage('a')).image, platform: { os: 'linux', architecture: 'amd64' } },
  { image: (await sampleImage('b')).image, annotations: { name: 'b' } },
];

describe('createIndex and openIndex', () => {
  it('createIndex makes the same index of images and platforms every time', async () => {
    const index = createIndex(await sampleEntries(), { annotations: { made: 'here' } });
    const { descriptor, bytes, body } = await index.manifest();
    assert.equal(digestOf(bytes), descriptor.digest);
    assert.deepEqual(body.annotations, { made: 'here' });
    assert.deepEqual(
      body.manifests.map(({ platform, annotations }) => ({ platform, annotations })),
      [
        { platform: { os: 'linux', architecture: 'amd64' }, annotations: undefined },
        { platform: undefined, annotations: { name: 'b' } },
      ],
    );
    const again = createIndex(await sampleEntries(), { annotations: { made: 'here' } });
    assert.equal((await again.manifest()).descriptor.digest, descriptor.digest);
  });

  it('an opened index returns its images and indexes in order and leaves out other entries', async () => {
    const there = place();
    const [one, two] = [await giveImage(there), await giveImage(there, { layers: [blobOf('x')] })];
    const inner = indexOf([two.descriptor]);
    const blob = { ...blobOf('wasm').descriptor, mediaType: 'application/wasm' };
    const index = indexOf([one.descriptor, blob, inner.descriptor]);
    for (const manifest of [inner, index]) await there.manifests.put(manifest);
    const children = await openIndex(there, index).children();
    assert.deepEqual(
      children.map(({ kind }) => kind),
      ['image', 'index'],
    );
    assert.equal((await children[0]?.manifest())?.descriptor.digest, one.descriptor.digest);
    assert.throws(() => openIndex(there, one), { code: 'MANIFEST_INVALID' });
  });

  it('an opened index reports a missing child when its children are requested', async () => {
    const there = place();
    const index = indexOf([imageOf().descriptor]);
    await there.manifests.put(index);
    const view = openIndex(there, index);
    assert.equal((await view.manifest()).descriptor.digest, index.descriptor.digest);
    await failsWith(view.children(), 'MANIFEST_UNKNOWN');
  });
});

describe('imageSource', () => {
  // id: image-source-content
  it('imageSource holds all content of a view, with nested indexes, and reads each layer once', async () => {
    const { content, state } = countedContent(bytesContent(gzipSync(await tarOf('counted'))));
    const layer = createLayer(content);
    await layer.descriptor();
    await layer.diffId();
    const before = state.opened;
    const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
    const inner = createIndex([{ image }]);
    const outer = createIndex([{ image: inner }, { image: (await sampleImage()).image }]);
    const { repository, root } = await imageSource(outer);
    assert.equal(state.opened, before, 'nothing is read to show it');
    const there = place();
    await copyImage(repository, root.digest, there, { tags: ['v1'] });
    assert.equal(state.opened, before + 1);
    const children = await openIndex(there, await there.manifests.get('v1')).children();
    assert.deepEqual(
      children.map(({ kind }) => kind),
      ['index', 'image'],
    );
  });

  it('imageSource returns its own content and refuses other tags, other blobs and every write', async () => {
    const { repository, root } = await imageSource((await sampleImage()).image);
    const { descriptor, content } = blobOf('else');
    assert.equal((await repository.manifests.resolve(root.digest))?.digest, root.digest);
    assert.equal(await repository.manifests.resolve('v1'), undefined);
    assert.equal(await repository.blobs.stat(descriptor.digest), undefined);
    await failsWith(repository.manifests.get('v1'), 'MANIFEST_UNKNOWN');
    await failsWith(read(repository.blobs.open(descriptor)), 'BLOB_UNKNOWN');
    await failsWith(repository.blobs.write(descriptor, content), 'UNSUPPORTED');
  });
});
