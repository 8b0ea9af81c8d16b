import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isGantryError } from '../../src/errors.ts';
import { collect } from '../../src/flow/collect.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { encodeManifest } from '../../src/json/manifest.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { writeTar } from '../../src/tar/write.ts';
import { blobOf, failsWith, give, listOf, read } from '../../src/testing/contract/sample.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { operationOf, refuses } from '../faults/spoil.ts';
import { folder as temporaryFolder } from '../folder.ts';
import { type Stage, stage } from '../quirks/stage.ts';

/** Manifests with gaps, and content that a descriptor carries or mislabels. */

const tar = await collect(writeTar([{ name: 'file' }]), { limit: 2 ** 20, what: 'tar' });
const layer = blobOf(new Uint8Array(gzipSync(tar)));
const config = blobOf(
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  }),
);
const nothing = blobOf('');
const ociConfig: Descriptor = { ...config.descriptor, mediaType: MediaType.ociConfig };
const ociLayer: Descriptor = { ...layer.descriptor, mediaType: MediaType.ociLayerGzip };

/** Starts a registry that serves any bytes as the manifest `odd`, and has the blobs. */
async function serving(bytes: Uint8Array, around: Middleware = (next) => next): Promise<Stage> {
  const digest = digestOf(bytes);
  const made = stage({
    quirk: (next) => {
      const gives = refuses((operation, { method }) => {
        const isManifest = operation.kind === 'manifest.get' || operation.kind === 'manifest.head';
        if (!isManifest || !['odd', digest].includes(operation.reference)) return undefined;
        if (operation.repository !== 'acme/app') return undefined;
        const headers = {
          'content-type': [MediaType.dockerManifest],
          'docker-content-digest': [digest],
          'content-length': [String(bytes.byteLength)],
        };
        return answer(200, headers, method === 'HEAD' ? undefined : bytes);
      });
      return around(gives(next));
    },
  });
  await give(made.inside, config, layer, nothing);
  return made;
}

const without = (descriptor: Descriptor, key: keyof Descriptor): object =>
  Object.fromEntries(Object.entries(descriptor).filter(([name]) => name !== key));

const gaps: readonly (readonly [name: string, config: object, layer: object, raw: Uint8Array])[] = [
  [
    'an empty config without its size',
    without({ ...ociConfig, ...nothing.descriptor }, 'size'),
    ociLayer,
    nothing.bytes,
  ],
  ['a config without its size', without(ociConfig, 'size'), ociLayer, config.bytes],
  ['a config of an empty type', { ...ociConfig, mediaType: '' }, ociLayer, config.bytes],
  ['a config without a type', without(ociConfig, 'mediaType'), ociLayer, config.bytes],
  ['a layer without its size', ociConfig, without(ociLayer, 'size'), config.bytes],
  ['a layer without a type', ociConfig, without(ociLayer, 'mediaType'), config.bytes],
];

describe('a manifest with gaps', () => {
  for (const [name, configEntry, layerEntry, raw] of gaps) {
    it(`manifest-with-gaps: ${name} is read, copied and found by validate`, async (test) => {
      const bytes = encodeManifest({
        schemaVersion: 2,
        mediaType: MediaType.dockerManifest,
        config: configEntry,
        layers: [layerEntry],
      });
      const { client, name: app, memory } = await serving(bytes);
      assert.deepEqual((await client.getRawManifest(`${app}:odd`)).bytes, bytes);
      assert.deepEqual(await client.getConfig(`${app}:odd`), raw);
      const layout = join(await temporaryFolder(test), 'layout');
      for (const to of ['registry.test/to:1', `oci:${layout}:1`]) await client.copy(`${app}:odd`, to);
      for (const place of [memory.repository('to'), await openLayout(layout, { mode: 'read' })]) {
        assert.deepEqual((await place.manifests.get('1')).bytes, bytes);
        assert.deepEqual(await read(place.blobs.open(layer.descriptor.digest)), layer.bytes);
      }
      // gantry can read the result of its own copy.
      await client.copy(`oci:${layout}:1`, 'registry.test/again:1');
      const problems = await listOf(client.validate(`${app}:odd`));
      assert.ok(problems.some(({ problem }) => problem !== undefined));
    });
  }

  const unreadable: readonly (readonly [name: string, text: string])[] = [
    ['no JSON', 'hello'],
    ['a web page', '<html></html>'],
    ['a key that comes twice', '{"schemaVersion":2,"layers":[],"layers":[],"config":{}}'],
    ['two kinds in one', '{"schemaVersion":2,"manifests":[],"layers":[]}'],
    ['a digest that is none', '{"schemaVersion":2,"config":{"digest":"x"},"layers":[]}'],
    ['nothing at all', ''],
  ];
  for (const [name, text] of unreadable) {
    it(`manifest-with-gaps: the bytes of a manifest that is ${name} are given as they are`, async () => {
      const bytes = new TextEncoder().encode(text);
      const { client, name: app } = await serving(bytes);
      assert.deepEqual((await client.getRawManifest(`${app}:odd`)).bytes, bytes);
      await failsWith(client.getManifest(`${app}:odd`), 'MANIFEST_INVALID');
      assert.equal((await client.getDescriptor(`${app}:odd`)).digest, digestOf(bytes));
    });
  }
});

const given = (own: object): Uint8Array =>
  encodeManifest({
    schemaVersion: 2,
    mediaType: MediaType.dockerManifest,
    config: { ...ociConfig, ...own },
    layers: [ociLayer],
  });

describe('the data of a descriptor', () => {
  const data = Buffer.from(config.bytes).toString('base64');
  const refusesConfig = refuses((operation) =>
    operation.kind === 'blob.get' && operation.digest === ociConfig.digest ? answer(500) : undefined,
  );

  it('inline-data: the data of a descriptor replaces a request', async () => {
    const { client, name: app, memory } = await serving(given({ data }), refusesConfig);
    assert.deepEqual(await client.getConfig(`${app}:odd`), config.bytes);
    await client.copy(`${app}:odd`, 'registry.test/to:1');
    assert.deepEqual(await read(memory.repository('to').blobs.open(ociConfig.digest)), config.bytes);
  });

  for (const [name, wrong] of [
    ['other bytes', Buffer.from(config.bytes).fill(1).toString('base64')],
    ['fewer bytes', Buffer.from(config.bytes.subarray(1)).toString('base64')],
    ['broken base64', '!!'],
  ] as const) {
    it(`inline-data: data that is ${name} is not used, and validate reports it`, async () => {
      const asks = await serving(given({ data: wrong }));
      assert.deepEqual(await asks.client.getConfig(`${asks.name}:odd`), config.bytes);
      const findings = await listOf(asks.client.validate(`${asks.name}:odd`, { fast: true }));
      assert.match(String(findings[0]?.problem), /data/);
    });
  }

  it('inline-data: validate looks for the blob in spite of the data', async () => {
    const { client, name: app } = await serving(given({ data }), (next) => async (request) => {
      const operation = operationOf(request);
      const isConfig = operation?.kind === 'blob.get' && operation.digest === ociConfig.digest;
      return isConfig ? answer(404) : next(request);
    });
    const [finding] = await listOf(client.validate(`${app}:odd`));
    assert.notEqual(finding?.problem, undefined);
  });
});

describe('a layer whose type contradicts its bytes', () => {
  const plain = blobOf(tar);
  const types: readonly (readonly [type: string, bytes: typeof layer, sound: boolean])[] = [
    [MediaType.ociLayerGzip, layer, true],
    [MediaType.ociLayer, plain, true],
    [MediaType.dockerLayer, layer, true],
    [MediaType.ociLayerGzip, plain, false],
    [MediaType.ociLayerZstd, plain, false],
    [MediaType.ociLayerZstd, layer, false],
    [MediaType.ociLayer, layer, false],
    [MediaType.dockerLayer, plain, false],
    [MediaType.dockerLayerTar, layer, false],
  ];
  for (const [mediaType, blob, sound] of types) {
    it(`mislabelled-layer: ${mediaType} over ${blob === layer ? 'gzip' : 'a plain tar'} is ${sound ? 'sound' : 'a problem'}`, async () => {
      const made = await serving(
        encodeManifest({
          schemaVersion: 2,
          mediaType: MediaType.dockerManifest,
          config: ociConfig,
          layers: [{ ...blob.descriptor, mediaType }],
        }),
      );
      await give(made.inside, plain);
      const findings = await listOf(made.client.validate(`${made.name}:odd`));
      const problems = findings.flatMap(({ problem }) => problem ?? []);
      assert.equal(problems.length, sound ? 0 : 1);
      if (!sound) assert.match(String(problems[0]), new RegExp(mediaType.replace(/[.+]/g, '\\$&')));
    });
  }
});

describe('an index that contradicts its children', () => {
  it('false-child-claims: a copy refuses another size, and validate names size and type', async () => {
    const image = encodeManifest({
      schemaVersion: 2,
      mediaType: MediaType.dockerManifest,
      config: ociConfig,
      layers: [ociLayer],
    });
    const made = await serving(image);
    const child = { mediaType: MediaType.dockerManifest, digest: digestOf(image), size: image.byteLength };
    for (const [wrong, copies] of [
      [{ size: child.size + 1 }, false],
      [{ mediaType: MediaType.ociManifest }, true],
    ] as const) {
      const index = encodeManifest({
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        manifests: [{ ...child, ...wrong }],
      });
      await made.inside.manifests.put(
        {
          descriptor: { mediaType: MediaType.ociIndex, digest: digestOf(index), size: index.byteLength },
          bytes: index,
          body: { kind: 'index', schemaVersion: 2, manifests: [{ ...child, ...wrong }] },
        },
        { tags: ['index'] },
      );
      const findings = await listOf(made.client.validate(`${made.name}:index`, { fast: true }));
      assert.equal(findings.length, 1);
      assert.notEqual(findings[0]?.problem, undefined);
      const copied = made.client.copy(`${made.name}:index`, 'registry.test/to:1');
      if (copies) await copied;
      else
        await assert.rejects(
          copied,
          (error) => isGantryError(error) && isGantryError(error.cause, 'SIZE_INVALID'),
        );
    }
  });
});
