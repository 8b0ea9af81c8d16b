import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Client } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { collect } from '../../src/flow/collect.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { encodeManifest, parseManifest } from '../../src/json/manifest.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { digestEncoded } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import type { Repository } from '../../src/store/contract.ts';
import { writeTar } from '../../src/tar/write.ts';
import {
  blobOf,
  failsWith,
  give,
  indexOf,
  listOf,
  type SampleBlob,
} from '../../src/testing/contract/sample.ts';
import { answers, withHeaders } from '../faults/spoil.ts';
import { folder as temporaryFolder } from '../folder.ts';
import { stage } from '../quirks/stage.ts';

/** A registry, a layout or an archive may give a manifest any type. The document decides its kind. */

const types = [
  'text/plain; charset=utf-8',
  'text/html',
  'binary/octet-stream',
  'application/octet-stream',
  'application/json',
  'application/x-unknown',
  'application/vnd.acme.unheard-of+json',
];

const tar = await collect(writeTar([{ name: 'file' }]), { limit: 2 ** 20, what: 'tar' });
const layer = blobOf(new Uint8Array(gzipSync(tar)));
const config = blobOf(
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config: { Labels: { a: 'label' } },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  }),
);
const typed = (blob: SampleBlob, mediaType: string): Descriptor => ({ ...blob.descriptor, mediaType });
const docker = {
  config: typed(config, MediaType.dockerConfig),
  layers: [typed(layer, MediaType.dockerLayer)],
};
const oci = { config: typed(config, MediaType.ociConfig), layers: [typed(layer, MediaType.ociLayerGzip)] };
const manifestOf = (fields: object): Manifest => {
  const bytes = encodeManifest({ schemaVersion: 2, ...fields });
  return parseManifest(bytes, { digest: digestOf(bytes) });
};
const images: Readonly<Record<string, Manifest>> = {
  docker: manifestOf({ mediaType: MediaType.dockerManifest, ...docker }),
  oci: manifestOf({ mediaType: MediaType.ociManifest, ...oci }),
  'oci without mediaType': manifestOf(oci),
};

async function assertWhole(place: Repository, { descriptor, bytes }: Manifest): Promise<void> {
  const found = await place.manifests.get(descriptor.digest);
  assert.deepEqual(found.bytes, bytes);
  assert.equal(found.descriptor.mediaType, descriptor.mediaType);
  for (const blob of [config, layer]) assert.ok(await place.blobs.stat(blob.descriptor.digest));
}

/** Asserts that everything of an image can be read, at any place. */
async function assertReads(client: Client, place: string, { descriptor, bytes }: Manifest): Promise<void> {
  assert.deepEqual((await client.getRawManifest(place)).bytes, bytes);
  assert.equal((await client.getManifest(place)).descriptor.mediaType, descriptor.mediaType);
  assert.equal((await client.getDescriptor(place)).mediaType, descriptor.mediaType);
  assert.deepEqual(await client.getConfig(place), config.bytes);
  assert.deepEqual((await client.inspect(place)).labels, { a: 'label' });
  const findings = await listOf(client.validate(place));
  assert.deepEqual(
    findings.flatMap(({ problem }) => problem ?? []),
    [],
  );
}

/** Makes a layout with an index.json that gives its roots these descriptors. */
async function layoutOf(folder: string, roots: readonly Descriptor[], manifests: readonly Manifest[]) {
  await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), encodeManifest({ schemaVersion: 2, manifests: roots }));
  for (const { descriptor, bytes } of [config, layer, ...manifests]) {
    await writeFile(join(folder, 'blobs', 'sha256', digestEncoded(descriptor.digest)), bytes);
  }
}

async function archiveOf(file: string, roots: readonly Descriptor[], manifests: readonly Manifest[]) {
  const files = [
    { name: 'oci-layout', bytes: new TextEncoder().encode('{"imageLayoutVersion":"1.0.0"}') },
    { name: 'index.json', bytes: encodeManifest({ schemaVersion: 2, manifests: roots }) },
    ...[config, layer, ...manifests].map(({ descriptor, bytes }) => ({
      name: `blobs/sha256/${digestEncoded(descriptor.digest)}`,
      bytes,
    })),
  ];
  const entries = files.map(({ name, bytes }) => ({
    name,
    size: bytes.byteLength,
    body: (async function* () {
      yield bytes;
    })(),
  }));
  await writeFile(file, await collect(writeTar(entries), { limit: 2 ** 20, what: 'archive' }));
}

describe('a manifest under a type that says nothing', () => {
  for (const type of types) {
    for (const [name, image] of Object.entries(images)) {
      it(`manifest-under-vague-type: ${name} as ${type} is read and copied whole from a registry`, async (test) => {
        const folder = await temporaryFolder(test);
        const {
          client,
          name: app,
          inside,
          memory,
        } = stage({
          quirk: answers(['manifest.get', 'manifest.head'], (response, { url }) =>
            url.includes('/acme/app/') ? withHeaders(response, { 'content-type': [type] }) : response,
          ),
        });
        await give(inside, config, layer);
        await inside.manifests.put(image, { tags: ['v1'] });
        await assertReads(client, `${app}:v1`, image);
        await client.copy(`${app}:v1`, 'registry.test/to:1');
        await assertWhole(memory.repository('to'), image);
        await client.copy(`${app}:v1`, `oci:${join(folder, 'layout')}:1`);
        await assertWhole(await openLayout(join(folder, 'layout'), { mode: 'read' }), image);
        await client.pull([`${app}:v1`], join(folder, 'image.tar'));
        await client.push(join(folder, 'image.tar'), 'registry.test/again:1');
        const again = await memory.repository('again').manifests.get('1');
        assert.ok(again.body.kind === 'image');
        assert.equal(again.body.layers.length, 1);
      });

      it(`manifest-under-vague-type: ${name} as ${type} is read and pushed whole from a layout and an archive`, async (test) => {
        const folder = await temporaryFolder(test);
        const { client, memory } = stage({ quirk: (next) => next });
        const root = { ...image.descriptor, mediaType: type };
        const layout = join(folder, 'layout');
        await layoutOf(layout, [root], [image]);
        await assertReads(client, `oci:${layout}`, image);
        await client.push(layout, 'registry.test/layout:1');
        await assertWhole(memory.repository('layout'), image);
        const file = join(folder, 'archive.tar');
        await archiveOf(file, [root], [image]);
        await assertReads(client, `oci-archive:${file}`, image);
        await client.push(file, 'registry.test/archive:1');
        await assertWhole(memory.repository('archive'), image);
      });
    }
  }

  it('manifest-under-vague-type: the children of an index are manifests by their documents', async (test) => {
    const folder = await temporaryFolder(test);
    const { client, memory } = stage({ quirk: (next) => next });
    const image = manifestOf(oci);
    const child = {
      ...image.descriptor,
      mediaType: 'text/plain',
      platform: { os: 'linux', architecture: 'amd64' },
    };
    const index = indexOf([child]);
    const from = memory.repository('from');
    await give(from, config, layer);
    for (const manifest of [image, index]) await from.manifests.put(manifest, { tags: ['v1'] });
    await layoutOf(join(folder, 'layout'), [index.descriptor], [image, index]);
    await archiveOf(join(folder, 'archive.tar'), [index.descriptor], [image, index]);
    const places = [
      'registry.test/from:v1',
      `oci:${join(folder, 'layout')}`,
      `oci-archive:${join(folder, 'archive.tar')}`,
    ];
    for (const [at, place] of places.entries()) {
      await client.copy(place, `registry.test/to${at}:1`);
      await assertWhole(memory.repository(`to${at}`), image);
    }
  });

  it('unknown-manifest-kind: a manifest whose content nobody can tell is never copied as if it were whole', async (test) => {
    const folder = await temporaryFolder(test);
    const { client, name: app, inside } = stage({ quirk: (next) => next });
    const odd = manifestOf({ mediaType: 'application/vnd.acme.odd+json', parts: [layer.descriptor] });
    await give(inside, layer);
    await inside.manifests.put(odd, { tags: ['odd'] });
    await inside.manifests.put(indexOf([odd.descriptor]), { tags: ['index'] });
    await layoutOf(join(folder, 'layout'), [odd.descriptor], [odd]);
    for (const tag of ['odd', 'index']) {
      for (const to of [
        'registry.test/to:1',
        `oci:${join(folder, tag)}`,
        `oci-archive:${join(folder, `${tag}.tar`)}`,
      ]) {
        await assert.rejects(
          client.copy(`${app}:${tag}`, to),
          (error) => isGantryError(error) && isGantryError(error.cause, 'UNSUPPORTED'),
        );
      }
      await assert.rejects(client.pull([`${app}:${tag}`], join(folder, `${tag}.pulled`), { format: 'oci' }));
      const [finding] = await listOf(client.validate(`${app}:${tag}`));
      assert.notEqual(finding?.problem, undefined);
    }
    await assert.rejects(client.push(join(folder, 'layout'), 'registry.test/pushed:1'));
    await failsWith(client.inspect(`${app}:odd`), 'MANIFEST_INVALID');
    assert.deepEqual((await client.getRawManifest(`${app}:odd`)).bytes, odd.bytes);
  });
});
