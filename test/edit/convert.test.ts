import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import { digestOf } from '../../src/flow/hash.ts';
import { convertImage } from '../../src/image/edit/convert.ts';
import { mapImages } from '../../src/image/edit/map-images.ts';
import { manifestOfBytes } from '../../src/json/make-manifest.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { zstdStored } from '../zstd.ts';
import {
  attestationOf,
  file,
  findings,
  type ImageForm,
  imageOf,
  put,
  putIndex,
  type Stage,
  stage,
  tarOf,
} from './stage.ts';

async function sample(form: Partial<ImageForm> = {}) {
  return imageOf({ layers: [await tarOf(file('a', 'one')), await tarOf(file('b', 'two'))], ...form });
}

async function imageAt({ client, host }: Stage, name: string) {
  const { body, descriptor } = await client.getManifest(`${host}/${name}`);
  assert.ok(body.kind === 'image');
  return { ...body, digest: descriptor.digest, type: descriptor.mediaType };
}

function digests(list: readonly Descriptor[]): readonly string[] {
  return list.map(({ digest }) => digest);
}

const amd64 = { platform: { os: 'linux', architecture: 'amd64' } };
const zstdForm = { pack: zstdStored, layer: { mediaType: MediaType.ociLayerZstd } };

describe('converting an image to another format', () => {
  // id: T63
  it('From docker to OCI and back, the config, the layers and the manifest keep their digests, and lost members are counted.', async (test) => {
    const at = await stage(test);
    const name = `${at.host}/app`;
    const { digest } = await put(at, 'app', await sample({ family: 'docker' }));
    const there = await at.client.convert(`${name}:1`, { format: 'oci', to: `${name}:oci` });
    assert.deepEqual(there.losses, []);
    const oci = await imageAt(at, 'app:oci');
    assert.equal(oci.type, MediaType.ociManifest);
    assert.equal(oci.config.mediaType, MediaType.ociConfig);
    for (const { mediaType } of oci.layers) assert.equal(mediaType, MediaType.ociLayerGzip);
    await at.client.edit(`${name}:oci`, (image) => image.withAnnotations({ a: '1', b: '2' }));
    const back = await at.client.convert(`${name}:oci`, { format: 'docker', to: `${name}:back` });
    assert.deepEqual(back.losses, [{ member: 'annotations', count: 2 }]);
    assert.equal(back.descriptor.digest, digest);
    const docker = await imageAt(at, 'app:back');
    assert.equal(docker.config.digest, oci.config.digest);
    assert.deepEqual(digests(docker.layers), digests(oci.layers));
    for (const tag of ['oci', 'back']) assert.deepEqual(await findings(at, `${name}:${tag}`), []);
  });

  it('The command prints how many annotations, subjects and inlined configs are lost.', async (test) => {
    const at = await stage(test);
    const subject = blobOf('{}');
    const manifest = {
      annotations: { a: '1' },
      artifactType: 'application/vnd.acme',
      subject: subject.descriptor,
    };
    const layer = { annotations: { b: '2', c: '3' } };
    await put(at, 'app', await sample({ manifest, layer, inline: true }));
    const ended = await gantry(['convert', '--to', 'docker', `${at.host}/app:1`, '-t', `${at.host}/app:2`]);
    assert.equal(ended.code, 0, ended.stderr);
    for (const words of ['5 annotations', '1 subject', '1 artifactType', '1 data'])
      assert.ok(ended.stderr.includes(`left out ${words}`), `${words}: ${ended.stderr}`);
    const { annotations, artifactType, subject: kept, config, layers } = await imageAt(at, 'app:2');
    assert.deepEqual(
      [annotations, artifactType, kept, config.data],
      [undefined, undefined, undefined, undefined],
    );
    assert.deepEqual(
      layers.map((one) => one.annotations),
      [undefined, undefined],
    );
  });

  it('An image of the format keeps its digest.', async (test) => {
    const at = await stage(test);
    for (const family of ['docker', 'oci'] as const) {
      const { digest } = await put(at, family, await sample({ family }));
      const { descriptor } = await at.client.convert(`${at.host}/${family}:1`, { format: family });
      assert.equal(descriptor.digest, digest);
    }
  });

  it('An image that mixes both families becomes one of them.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', await sample({ layer: { mediaType: MediaType.dockerLayer } }));
    await at.client.convert(`${at.host}/app:1`, { format: 'oci' });
    const { layers } = await imageAt(at, 'app:1');
    for (const { mediaType } of layers) assert.equal(mediaType, MediaType.ociLayerGzip);
  });

  // id: T64
  it('An image with zstd becomes a docker image only when its layers become gzip.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', await sample(zstdForm));
    const words = ['convert', '--to', 'docker', `${at.host}/app:1`, '-t', `${at.host}/app:2`];
    const refused = await gantry(words);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /zstd.*compress it with gzip/);
    assert.equal(await at.client.exists(`${at.host}/app:2`), false);
    assert.equal((await gantry([...words, '--compression', 'zstd'])).code, 2);
    const ended = await gantry([...words, '--compression', 'gzip']);
    assert.equal(ended.code, 0, ended.stderr);
    const { type, layers } = await imageAt(at, 'app:2');
    assert.equal(type, MediaType.dockerManifest);
    for (const { mediaType } of layers) assert.equal(mediaType, MediaType.dockerLayer);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  it('An artifact is refused.', async (test) => {
    const at = await stage(test);
    const config = blobOf('{}');
    const bytes = new TextEncoder().encode(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config: { ...config.descriptor, mediaType: 'application/vnd.acme.config+json' },
        layers: [],
      }),
    );
    await put(at, 'app', { manifest: manifestOfBytes(bytes, MediaType.ociManifest), blobs: [config] });
    for (const options of [{ format: 'docker' }, { compression: 'none' }] as const)
      await failsWith(at.client.convert(`${at.host}/app:1`, options), 'MANIFEST_INVALID');
  });

  it('A conversion without an option, and one that contradicts itself, are wrong commands.', async (test) => {
    const at = await stage(test);
    for (const words of [
      [],
      ['--compression', 'zstd', '--to', 'docker'],
      ['--compression', 'gzip:10'],
      ['--compression', 'none:1'],
      ['--compression', 'xz'],
      ['--to', 'v1'],
    ]) {
      const ended = await gantry(['convert', ...words, `${at.host}/app:1`]);
      assert.equal(ended.code, 2, `${words.join(' ')}: ${ended.stderr}`);
    }
    assert.deepEqual(at.registry.requests, []);
  });
});

describe('converting an index', () => {
  it('The index and its images change their format and keep the rest; the attestation is dropped.', async (test) => {
    const at = await stage(test);
    const image = await sample();
    const entry = { ...amd64, annotations: { e: '1' } };
    const index = await putIndex(at, 'index', [{ image, entry }, attestationOf(image)], {
      annotations: { i: '1' },
    });
    const { losses } = await at.client.convert(`${at.host}/index:1`, {
      format: 'docker',
      to: `${at.host}/index:2`,
    });
    assert.deepEqual(losses, [{ member: 'annotations', count: 2 }]);
    const { body, descriptor } = await at.client.getManifest(`${at.host}/index:2`);
    assert.ok(body.kind === 'index');
    assert.equal(descriptor.mediaType, MediaType.dockerList);
    assert.equal(body.annotations, undefined);
    const [one, ...others] = body.manifests;
    assert.deepEqual(others, []);
    assert.deepEqual(
      [one?.mediaType, one?.platform, one?.annotations],
      [MediaType.dockerManifest, amd64.platform, undefined],
    );
    assert.deepEqual(await findings(at, `${at.host}/index:2`), []);
    assert.equal(at.warnings.length, 1);
    await at.client.convert(`${at.host}/index:2`, { format: 'oci', to: `${at.host}/index:3` });
    const again = await at.client.getManifest(`${at.host}/index:3`);
    assert.ok(again.body.kind === 'index' && index.body.kind === 'index');
    assert.equal(again.descriptor.mediaType, MediaType.ociIndex);
    assert.equal(again.body.manifests[0]?.digest, index.body.manifests[0]?.digest);
  });

  it('A docker list takes no attestation, no artifact and no image that stays an OCI image.', async (test) => {
    const at = await stage(test);
    const image = await sample();
    const other = await sample({ config: { architecture: 'arm64' } });
    const arm64 = { platform: { os: 'linux', architecture: 'arm64' } };
    await putIndex(at, 'index', [
      { image, entry: amd64 },
      { image: other, entry: arm64 },
      attestationOf(image),
    ]);
    const name = `${at.host}/index:1`;
    for (const options of [{ keepAttestations: true }, { platforms: ['linux/amd64'] }])
      await failsWith(at.client.convert(name, { ...options, format: 'docker' }), 'UNSUPPORTED');
  });

  it('The function for images also works with mapImages, which leaves the index an OCI index.', async (test) => {
    const at = await stage(test);
    await putIndex(at, 'index', [{ image: await sample(), entry: amd64 }]);
    const index = await at.client.getIndex(`${at.host}/index:1`);
    const { body, descriptor } = await mapImages(index, (image) => convertImage(image, 'docker')).manifest();
    assert.deepEqual(
      [descriptor.mediaType, body.manifests[0]?.mediaType],
      [MediaType.ociIndex, MediaType.dockerManifest],
    );
  });
});

describe('compressing the layers of an image anew', () => {
  // id: T65
  it('From gzip to no compression and back, the digests of the tars stay; without compression they are those of the layers.', async (test) => {
    const at = await stage(test);
    const name = `${at.host}/app`;
    await put(at, 'app', await sample());
    const diffIds = (await at.client.getImage(`${name}:1`).then((image) => image.config())).rootfs.diff_ids;
    await at.client.convert(`${name}:1`, { compression: 'none', to: `${name}:none` });
    const plain = await imageAt(at, 'app:none');
    assert.deepEqual(digests(plain.layers), diffIds);
    for (const { mediaType } of plain.layers) assert.equal(mediaType, MediaType.ociLayer);
    await at.client.convert(`${name}:none`, { compression: 'gzip', level: 9, to: `${name}:gzip` });
    const zipped = await imageAt(at, 'app:gzip');
    assert.equal(zipped.config.digest, plain.config.digest);
    for (const [at_, { mediaType, digest }] of zipped.layers.entries()) {
      assert.equal(mediaType, MediaType.ociLayerGzip);
      const [layer] = [(await at.client.getImage(`${name}:gzip`).then((image) => image.layers()))[at_]];
      const chunks: Uint8Array[] = [];
      for await (const chunk of layer?.compressed().open() ?? []) chunks.push(Uint8Array.from(chunk));
      const bytes = Buffer.concat(chunks);
      assert.equal(digestOf(bytes), digest);
      assert.equal(digestOf(zlib.gunzipSync(bytes)), diffIds[at_]);
    }
    for (const tag of ['none', 'gzip']) assert.deepEqual(await findings(at, `${name}:${tag}`), []);
  });

  it('With zstd, the layers get its type and the digests of the tars stay, where the runtime can compress so; elsewhere nothing is written.', async (test) => {
    const at = await stage(test);
    const name = `${at.host}/app`;
    await put(at, 'app', await sample());
    const words = ['convert', '--compression', 'zstd:7', `${name}:1`, '-t', `${name}:zstd`];
    if (!Reflect.has(zlib, 'createZstdCompress')) {
      const refused = await gantry(words);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /Node 22\.15/);
      assert.equal(await at.client.exists(`${name}:zstd`), false);
      return;
    }
    assert.equal((await gantry(words)).code, 0);
    const { config, layers } = await imageAt(at, 'app:zstd');
    assert.equal(config.digest, (await imageAt(at, 'app:1')).config.digest);
    for (const { mediaType } of layers) assert.equal(mediaType, MediaType.ociLayerZstd);
    assert.deepEqual(await findings(at, `${name}:zstd`), []);
    await at.client.convert(`${name}:zstd`, { compression: 'none', to: `${name}:none` });
    const { rootfs } = await at.client.getImage(`${name}:1`).then((image) => image.config());
    assert.deepEqual(digests((await imageAt(at, 'app:none')).layers), rootfs.diff_ids);
  });

  // id: T66
  it('Layers that have the compression stay as they are, and only their first bytes are read.', async (test) => {
    const at = await stage(test);
    const { digest } = await put(at, 'app', await sample());
    const asked = at.registry.requests.length;
    const { descriptor } = await at.client.convert(`${at.host}/app:1`, { compression: 'gzip', level: 9 });
    assert.equal(descriptor.digest, digest);
    const methods = at.registry.requests.slice(asked).map(({ method }) => method);
    assert.deepEqual(
      methods.filter((method) => method !== 'GET' && method !== 'HEAD'),
      [],
    );
  });

  it('A layer with another compression than its media type says gets the right type and keeps its bytes.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', await sample({ layer: { mediaType: MediaType.ociLayer } }));
    const before = await imageAt(at, 'app:1');
    await at.client.convert(`${at.host}/app:1`, { compression: 'gzip' });
    const { layers } = await imageAt(at, 'app:1');
    assert.deepEqual(digests(layers), digests(before.layers));
    for (const { mediaType } of layers) assert.equal(mediaType, MediaType.ociLayerGzip);
  });

  // id: T67
  it('Annotations about the bytes of a layer go away with the bytes, and a copy keeps them.', async (test) => {
    const at = await stage(test);
    const about = {
      'containerd.io/snapshot/stargz/toc.digest': `sha256:${'0'.repeat(64)}`,
      'io.github.containers.zstd-chunked.manifest-position': '1:2:3:1',
      'io.containers.zstd-chunked.manifest-checksum': `sha256:${'0'.repeat(64)}`,
    };
    const layer = { annotations: { ...about, own: 'kept' }, 'vnd.acme': [1], urls: ['https://files.test/a'] };
    await put(at, 'app', await sample({ layer }));
    await at.client.convert(`${at.host}/app:1`, { compression: 'none', to: `${at.host}/app:2` });
    const raw: { layers: Record<string, unknown>[] } = JSON.parse(
      new TextDecoder().decode((await at.client.getManifest(`${at.host}/app:2`)).bytes),
    );
    for (const made of raw.layers) {
      assert.deepEqual(made['annotations'], { own: 'kept' });
      assert.deepEqual([made['vnd.acme'], made['urls']], [[1], undefined]);
    }
    await at.client.copy(`${at.host}/app:1`, `${at.host}/copy:1`);
    assert.equal((await imageAt(at, 'copy:1')).digest, (await imageAt(at, 'app:1')).digest);
  });

  it('A layer that is not the one in the config is refused, and nothing is written.', async (test) => {
    const at = await stage(test);
    const honest = await sample();
    const other = await tarOf(file('c', 'three'));
    const lying = imageOf({
      layers: [await tarOf(file('a', 'one')), other],
      pack: () => gzip(honest.blobs[1]?.bytes),
    });
    await put(at, 'app', lying);
    await failsWith(
      at.client.convert(`${at.host}/app:1`, { compression: 'none', to: `${at.host}/app:2` }),
      'DIGEST_INVALID',
    );
    assert.equal(await at.client.exists(`${at.host}/app:2`), false);
  });

  it('Each layer is downloaded once, also if several images of an index have it.', async (test) => {
    const at = await stage(test);
    const image = await sample();
    const other = await sample({ config: { architecture: 'arm64' } });
    const arm64 = { platform: { os: 'linux', architecture: 'arm64' } };
    await putIndex(at, 'index', [
      { image, entry: amd64 },
      { image: other, entry: arm64 },
    ]);
    await at.client.convert(`${at.host}/index:1`, { compression: 'none', to: `${at.host}/index:2` });
    for (const { descriptor } of image.blobs.slice(1)) {
      const reads = at.registry.requests.filter(
        ({ method, url, headers }) =>
          method === 'GET' && url.endsWith(descriptor.digest) && headers['range']?.join() !== 'bytes=0-3',
      );
      assert.equal(reads.length, 1);
    }
    assert.deepEqual(await findings(at, `${at.host}/index:2`), []);
  });
});

function gzip(bytes: Uint8Array | undefined): Uint8Array {
  assert.ok(bytes !== undefined);
  return bytes;
}
