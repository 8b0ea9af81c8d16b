import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ConvertOptions } from '../../src/client/convert.ts';
import { collect } from '../../src/flow/collect.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { readTar } from '../../src/tar/read.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import {
  configOf,
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

const amd64 = { platform: { os: 'linux', architecture: 'amd64' } };

async function opened(test: TestContext, form: Partial<ImageForm> = {}) {
  const at = await stage(test);
  const lower = await tarOf({ ...file('etc/base', 'base'), mtime: 2000 });
  const upper = await tarOf(
    { name: 'app/', type: 'directory', mtime: 3000 },
    { ...file('app/secret', 'secret'), mtime: 500 },
    { name: 'app/link', type: 'link', linkname: 'app/secret' },
    { ...file('app/own', 'own'), mtime: 1000, nanoseconds: 5 },
  );
  const history = [
    { created: '2020-01-01T00:00:00Z', created_by: 'base' },
    { created: '2020-01-01T00:00:00Z', created_by: 'ARG TOKEN', empty_layer: true },
    { created: '1970-01-01T00:00:01Z', created_by: 'RUN |2 A=x y TOKEN=abc /bin/sh -c echo TOKEN=abc ' },
  ];
  const config = { created: '2020-01-01T00:00:00.5Z', history };
  const image = imageOf({ layers: [lower, upper], config, ...form });
  await put(at, 'app', image);
  await put(at, 'base', imageOf({ layers: [lower] }));
  const convert = (options: ConvertOptions) =>
    at.client.convert(`${at.host}/app:1`, { to: `${at.host}/app:2`, ...options });
  return { ...at, image, lower, upper, convert };
}

async function imageAt({ client, host }: Stage, name = 'app:2') {
  const { body, descriptor } = await client.getManifest(`${host}/${name}`);
  assert.ok(body.kind === 'image');
  return { ...body, digest: descriptor.digest };
}

/** Returns the entries of each layer. */
async function entriesOf({ client, host }: Stage, name = 'app:2') {
  const image = await client.getImage(`${host}/${name}`);
  return Promise.all(
    (await image.layers()).map(async (layer) => {
      const entries: { name: string; mtime: number; linkname: string; text: string }[] = [];
      for await (const { name, mtime, linkname = '', body } of readTar(layer.uncompressed().open())) {
        const text = new TextDecoder().decode(await collect(body, { limit: 99, what: name }));
        entries.push({ name, mtime, linkname, text });
      }
      return entries;
    }),
  );
}

describe('the times of an image', () => {
  // id: convert-time
  it('convert --time: later times of the image, of its history and of its files become this one, and earlier ones stay.', async (test) => {
    const at = await opened(test);
    const words = ['convert', '--time', '1000', `${at.host}/app:1`, '-t', `${at.host}/app:2`];
    assert.equal((await gantry(words)).code, 0);
    const { created, history } = await configOf(at, `${at.host}/app:2`);
    assert.equal(created, '1970-01-01T00:16:40Z');
    const times = [1000, 1000, 1].map((seconds) =>
      new Date(seconds * 1000).toISOString().replace('.000', ''),
    );
    assert.deepEqual(
      Array.from<{ created: string }>(history ?? []).map((entry) => entry.created),
      times,
    );
    const seen = (await entriesOf(at)).map((layer) => layer.map(({ mtime }) => mtime));
    assert.deepEqual(seen, [[1000], [1000, 500, 0, 1000]]);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
    const [first] = [(await imageAt(at)).digest];
    assert.equal((await gantry([...words.slice(0, 2), '1970-01-01T00:16:40Z', ...words.slice(3)])).code, 0);
    assert.equal((await imageAt(at)).digest, first);
    const env = { SOURCE_DATE_EPOCH: '1000' };
    assert.equal(
      (await gantry([...words.slice(0, 2), 'SOURCE_DATE_EPOCH', ...words.slice(3)], { env })).code,
      0,
    );
    assert.equal((await imageAt(at)).digest, first);
  });

  // id: convert-base
  it('convert --base: the layers and the history of the base stay, unless --all-layers changes them.', async (test) => {
    const at = await opened(test);
    const words = ['convert', '--time', '1000', `${at.host}/app:1`, '-t', `${at.host}/app:2`];
    const before = await imageAt(at, 'app:1');
    assert.equal((await gantry([...words, '--base', `${at.host}/base:1`])).code, 0);
    const { layers } = await imageAt(at);
    assert.equal(layers[0]?.digest, before.layers[0]?.digest);
    assert.notEqual(layers[1]?.digest, before.layers[1]?.digest);
    const { history } = await configOf(at, `${at.host}/app:2`);
    assert.equal(Array.from<{ created: string }>(history ?? [])[0]?.created, '2020-01-01T00:00:00Z');
    const { digest } = await imageAt(at, 'base:1');
    await at.client.edit(`${at.host}/app:1`, (image) =>
      image.withAnnotations({
        'org.opencontainers.image.base.name': `${at.host}/base:1`,
        'org.opencontainers.image.base.digest': digest,
      }),
    );
    assert.equal((await gantry(words)).code, 0);
    assert.equal((await imageAt(at)).layers[0]?.digest, before.layers[0]?.digest);
    assert.equal((await gantry([...words, '--all-layers'])).code, 0);
    assert.notEqual((await imageAt(at)).layers[0]?.digest, before.layers[0]?.digest);
  });

  it('A base that is not the base of the image is refused, and wrong times are wrong commands.', async (test) => {
    const at = await opened(test);
    await put(at, 'other', imageOf({ layers: [at.upper] }));
    await failsWith(at.convert({ time: 1000, base: `${at.host}/other:1` }), 'MANIFEST_INVALID');
    assert.equal(await at.client.exists(`${at.host}/app:2`), false);
    for (const words of [
      ['yesterday'],
      ['1.5'],
      ['SOURCE_DATE_EPOCH'],
      ['-5'],
      ['5', '--base', 'a', '--all-layers'],
    ])
      assert.equal(
        (await gantry(['convert', '--time', ...words, `${at.host}/app:1`])).code,
        2,
        words.join(' '),
      );
    for (const words of [['--base', 'a'], ['--all-layers']])
      assert.equal((await gantry(['convert', ...words, '--to', 'oci', `${at.host}/app:1`])).code, 2);
  });
});

describe('removing paths from an image', () => {
  // id: convert-strip
  it('convert --strip-path: a file goes away from every layer, its hard link becomes the file, and the user learns that the old layers keep it.', async (test) => {
    const at = await opened(test);
    const ended = await gantry([
      'convert',
      '--strip-path',
      '/app/secret',
      `${at.host}/app:1`,
      '-t',
      `${at.host}/app:2`,
    ]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /remain in the old layers/);
    const [lower, upper] = await entriesOf(at);
    assert.equal(lower?.length, 1);
    assert.deepEqual(
      upper?.map(({ name, linkname, text }) => [name, linkname, text]),
      [
        ['app/', '', ''],
        ['app/link', '', 'secret'],
        ['app/own', '', 'own'],
      ],
    );
    assert.equal((await imageAt(at)).layers[0]?.digest, (await imageAt(at, 'app:1')).layers[0]?.digest);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: convert-empty
  it('A layer that gets empty goes away with its entry in the history, down to an image without layers.', async (test) => {
    const at = await opened(test);
    await at.convert({ stripPaths: ['app'] });
    const { layers } = await imageAt(at);
    assert.equal(layers.length, 1);
    const { history, rootfs } = await configOf(at, `${at.host}/app:2`);
    assert.deepEqual(
      Array.from<{ created_by: string }>(history ?? []).map((entry) => entry.created_by),
      ['base', 'ARG TOKEN'],
    );
    assert.deepEqual(rootfs?.['diff_ids'], [digestOf(at.lower)]);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
    await at.convert({ stripPaths: ['app', 'etc'] });
    assert.deepEqual((await imageAt(at)).layers, []);
  });

  // id: convert-missing
  it('A path that no layer has is an error, also beside one that exists, and nothing is written.', async (test) => {
    const at = await opened(test);
    await failsWith(at.convert({ stripPaths: ['/app/own', '/app/none'] }), 'FILE_UNKNOWN');
    assert.equal(await at.client.exists(`${at.host}/app:2`), false);
    for (const path of ['/', '../x'])
      assert.equal((await gantry(['convert', '--strip-path', path, `${at.host}/app:1`])).code, 2);
  });

  it('Each layer is downloaded once, and one that changes gets its compression at once.', async (test) => {
    const at = await opened(test);
    await at.convert({ stripPaths: ['app/own'], time: 1000, compression: 'none' });
    for (const { mediaType } of (await imageAt(at)).layers) assert.equal(mediaType, MediaType.ociLayer);
    for (const { descriptor } of at.image.blobs.slice(1)) {
      const reads = at.registry.requests.filter(
        ({ method, url, headers }) =>
          method === 'GET' && url.endsWith(descriptor.digest) && headers['range']?.join() !== 'bytes=0-3',
      );
      assert.equal(reads.length, 1);
    }
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });
});

describe('the history of an image', () => {
  // id: convert-history
  it('convert --strip-history: the history goes away, and the layers stay.', async (test) => {
    const at = await opened(test);
    const ended = await gantry(['convert', '--strip-history', `${at.host}/app:1`, '-t', `${at.host}/app:2`]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal('history' in (await configOf(at, `${at.host}/app:2`)), false);
    assert.deepEqual((await imageAt(at)).layers, (await imageAt(at, 'app:1')).layers);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: convert-arguments
  it('convert --strip-build-arg: an argument of the build goes away, and the others are counted anew.', async (test) => {
    const at = await opened(test);
    const ended = await gantry([
      'convert',
      '--strip-build-arg',
      'TOKEN=abc',
      `${at.host}/app:1`,
      '-t',
      `${at.host}/app:2`,
    ]);
    assert.equal(ended.code, 0, ended.stderr);
    const { history } = await configOf(at, `${at.host}/app:2`);
    assert.deepEqual(
      Array.from<{ created_by: string }>(history ?? []).map((entry) => entry.created_by),
      ['base', 'RUN |1 A=x y /bin/sh -c echo TOKEN=abc '],
    );
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
    assert.equal((await gantry(['convert', '--strip-build-arg', 'TOKEN', `${at.host}/app:1`])).code, 2);
  });
});

describe('the descriptors of an image', () => {
  // id: convert-sha512
  it('convert --digest-algorithm: manifest, config and layers are named by sha512, and the tars by sha256; back is the same image.', async (test) => {
    const at = await opened(test);
    const before = await imageAt(at, 'app:1');
    const words = ['convert', '--digest-algorithm', 'sha512', `${at.host}/app:1`, '-t', `${at.host}/app:2`];
    const ended = await gantry(words);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /@sha512:[0-9a-f]{128}\n$/);
    const { config, layers } = await imageAt(at);
    for (const { digest } of [config, ...layers]) assert.match(digest, /^sha512:/);
    assert.deepEqual((await configOf(at, `${at.host}/app:2`))['rootfs']?.['diff_ids'], [
      digestOf(at.lower),
      digestOf(at.upper),
    ]);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
    await at.client.convert(`${at.host}/app:2`, { digestAlgorithm: 'sha256', to: `${at.host}/app:3` });
    assert.equal((await imageAt(at, 'app:3')).digest, before.digest);
  });

  it('An index named by sha512 names its images by sha512, too.', async (test) => {
    const at = await opened(test);
    await putIndex(at, 'index', [{ image: at.image, entry: amd64 }]);
    await at.client.convert(`${at.host}/index:1`, { digestAlgorithm: 'sha512' });
    const { body, descriptor } = await at.client.getManifest(`${at.host}/index:1`);
    assert.ok(body.kind === 'index');
    assert.match(`${descriptor.digest} ${body.manifests[0]?.digest}`, /^sha512:\S+ sha512:/);
    assert.deepEqual(await findings(at, `${at.host}/index:1`), []);
  });

  // id: convert-data
  it('convert --inline-data: small content is in its descriptor, and 0 takes it out again; an index inlines its images.', async (test) => {
    const at = await opened(test);
    await putIndex(at, 'index', [{ image: at.image, entry: amd64 }]);
    const before = await at.client.getDescriptor(`${at.host}/index:1`);
    const words = ['convert', `${at.host}/index:1`, '-t', `${at.host}/index:2`, '--inline-data'];
    assert.equal((await gantry([...words, '100000'])).code, 0);
    const { body } = await at.client.getManifest(`${at.host}/index:2`);
    assert.ok(body.kind === 'index');
    const [entry] = body.manifests;
    assert.equal(digestOf(Buffer.from(entry?.data ?? '', 'base64')), entry?.digest);
    const { config, layers } = await imageAt(at, `index@${entry?.digest}`);
    for (const { data, digest } of [config, ...layers])
      assert.equal(digestOf(Buffer.from(data ?? '', 'base64')), digest);
    assert.deepEqual(await findings(at, `${at.host}/index:2`), []);
    assert.equal((await gantry(['convert', '--inline-data', '0', `${at.host}/index:2`])).code, 0);
    assert.equal((await at.client.getDescriptor(`${at.host}/index:2`)).digest, before.digest);
  });

  it('Docker images have no inlined content, whether they are or become docker images.', async (test) => {
    const at = await opened(test, { family: 'docker' });
    await failsWith(at.convert({ inlineData: 100 }), 'UNSUPPORTED');
    await failsWith(at.convert({ inlineData: 100, format: 'docker' }), 'INVALID_OPTION');
    await at.convert({ inlineData: 100, format: 'oci' });
  });

  // id: T68
  it('convert --distributable: a restricted layer becomes an ordinary one only where its bytes are, and loses its urls.', async (test) => {
    for (const [family, restricted, ordinary] of [
      ['oci', MediaType.ociForeignLayerGzip, MediaType.ociLayerGzip],
      ['docker', MediaType.dockerForeignLayer, MediaType.dockerLayer],
    ] as const) {
      const layer = { mediaType: restricted, urls: ['https://files.test/layer'] };
      const at = await opened(test, { family, layer });
      const words = ['convert', '--distributable', `${at.host}/app:1`, '-t', `${at.host}/app:2`];
      assert.equal((await gantry(words)).code, 0);
      for (const { mediaType, urls } of (await imageAt(at)).layers)
        assert.deepEqual([mediaType, urls], [ordinary, undefined]);
      assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
      const [lower] = at.image.blobs.slice(1);
      assert.ok(lower !== undefined);
      await at.registry.registry.repository('app').blobs.delete(lower.descriptor.digest);
      const ended = await gantry(words);
      assert.equal(ended.code, 0, ended.stderr);
      assert.match(ended.stderr, /stays restricted/);
      const { layers } = await imageAt(at);
      assert.deepEqual(
        layers.map(({ mediaType }) => mediaType),
        [restricted, ordinary],
      );
      assert.deepEqual(layers[0]?.urls, layer.urls);
    }
  });
});
