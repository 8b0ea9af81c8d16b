import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tarOf } from '../archive/archives.test.samples.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, give, giveImage, indexOf, listOf, noise } from '../testing/contract/sample.ts';
import { validate } from './validate.ts';

const place = (): Repository => createMemoryRegistry().repository('acme/app');

function manifestOf(mediaType: string, fields: object): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}

async function messagesOf(
  repository: Repository,
  manifest: Manifest,
  options: Parameters<typeof validate>[2] = {},
): Promise<readonly string[]> {
  return (await listOf(validate(repository, manifest, options))).map(({ message }) => message);
}

const tar = await tarOf([{ name: 'file' }]);
const config = blobOf(
  JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  }),
);

/** An image of one layer whose descriptor has these other fields. */
async function imageWith(repository: Repository, bytes: Uint8Array, fields: object): Promise<Manifest> {
  const layer = blobOf(bytes);
  await give(repository, config, layer);
  return manifestOf(MediaType.ociManifest, {
    config: { ...config.descriptor, mediaType: MediaType.ociConfig },
    layers: [{ ...layer.descriptor, mediaType: MediaType.ociLayerGzip, ...fields }],
  });
}

const compressed = [
  [MediaType.ociLayerGzip, tar, /^is not compressed .* means gzip$/],
  [MediaType.ociLayer, gzipSync(tar), /^is compressed with gzip, .* means a plain tar$/],
  [MediaType.ociLayerZstd, gzipSync(tar), /^is compressed with gzip, .* means zstd$/],
] as const;

describe('the statements of a manifest about its content', () => {
  it('validate finds a layer without a size, and finds nothing else wrong with it', async () => {
    const repository = place();
    const image = await imageWith(repository, gzipSync(tar), { size: undefined });
    for (const fast of [false, true]) {
      assert.deepEqual(await messagesOf(repository, image, { fast }), [
        'has no size in the manifest that names it',
      ]);
    }
  });

  it('validate in fast mode finds a layer with another size than in its manifest', async () => {
    const repository = place();
    const bytes = gzipSync(tar);
    const image = await imageWith(repository, bytes, { size: bytes.byteLength + 1 });
    const [only, ...others] = await messagesOf(repository, image, { fast: true });
    assert.equal(only, `has ${bytes.byteLength} bytes, but its manifest names ${bytes.byteLength + 1}`);
    assert.deepEqual(others, []);
  });

  it('validate finds inline data that differs from the digest, and reads the stored bytes', async () => {
    const repository = place();
    const data = Buffer.from('other').toString('base64');
    const image = await imageWith(repository, gzipSync(tar), { data });
    assert.deepEqual(await messagesOf(repository, image), ['has a "data" field with other content']);
  });

  it('validate finds a blob that exists only as inline data in its manifest', async () => {
    const repository = place();
    await give(repository, config);
    const bytes = gzipSync(tar);
    const { descriptor } = blobOf(bytes);
    const image = manifestOf(MediaType.ociManifest, {
      config: { ...config.descriptor, mediaType: MediaType.ociConfig },
      layers: [
        { ...descriptor, mediaType: MediaType.ociLayerGzip, data: Buffer.from(bytes).toString('base64') },
      ],
    });
    assert.deepEqual(await messagesOf(repository, image, { fast: true }), ['does not exist']);
    assert.equal((await messagesOf(repository, image)).length, 1);
  });

  for (const [mediaType, bytes, message] of compressed) {
    it(`validate finds a layer of the type ${mediaType} in another compression`, async () => {
      const repository = place();
      const image = await imageWith(repository, bytes, { mediaType });
      const [only = '', ...others] = await messagesOf(repository, image);
      assert.match(only, message);
      assert.deepEqual(others, []);
    });
  }

  it('validate reports a layer above the limits of its unpacking, and goes on with the next one', async () => {
    const repository = place();
    const image = await imageWith(repository, gzipSync(tar), {});
    const [only = '', ...others] = await messagesOf(repository, image, {
      unpack: { bytes: 100, ratio: 1, free: 0 },
    });
    assert.match(only, /100|more than|limit/i);
    assert.deepEqual(others, []);
    assert.deepEqual(await messagesOf(repository, image), []);
  });
});

describe('validate of unusual trees', () => {
  it('validate reports an index that is nested too deeply, once', async () => {
    const repository = place();
    let root: Manifest = await giveImage(repository);
    for (let depth = 0; depth < 10; depth++) {
      root = indexOf([root.descriptor]);
      await repository.manifests.put(root);
    }
    assert.deepEqual(await messagesOf(repository, root, { fast: true }), ['is nested more than 8 deep']);
  });

  it('validate checks a child that two indexes list once', async () => {
    const repository = place();
    const layer = blobOf('lost');
    const image = await giveImage(repository, { layers: [layer] });
    const inner = [indexOf([image.descriptor]), indexOf([image.descriptor], { annotations: { a: 'b' } })];
    for (const index of inner) await repository.manifests.put(index);
    const root = indexOf(inner.map(({ descriptor }) => descriptor));
    await repository.manifests.put(root);
    let looks = 0;
    const counting: Repository = {
      ...repository,
      blobs: {
        ...repository.blobs,
        stat(digest, options) {
          if (digest === layer.descriptor.digest) looks++;
          return digest === layer.descriptor.digest
            ? Promise.resolve(undefined)
            : repository.blobs.stat(digest, options);
        },
      },
    };
    assert.deepEqual(await messagesOf(counting, root, { fast: true }), ['does not exist']);
    assert.equal(looks, 1);
  });

  it('validate reports the same missing layer of two images once', async () => {
    const repository = createMemoryRegistry().repository('acme/app', { actions: ['delete'] });
    const shared = blobOf('shared');
    const one = await giveImage(repository, { layers: [shared] });
    const two = await giveImage(repository, { layers: [shared, blobOf('two')] });
    const root = indexOf([one.descriptor, two.descriptor]);
    await repository.manifests.put(root);
    await repository.blobs.delete(shared.descriptor.digest);
    assert.deepEqual(await messagesOf(repository, root, { fast: true }), ['does not exist']);
  });

  it('validate reads a child of another type as a blob, and finds it missing or damaged', async () => {
    const repository = place();
    const file = blobOf(noise(100));
    const child = { ...file.descriptor, mediaType: 'application/x-file' };
    const root = manifestOf(MediaType.ociIndex, { manifests: [child] });
    assert.equal((await messagesOf(repository, root)).length, 1);
    await give(repository, file);
    assert.deepEqual(await messagesOf(repository, root), []);
  });

  it('validate finds a child whose manifest has another type than in the index', async () => {
    const repository = place();
    const image = await giveImage(repository);
    const root = indexOf([{ ...image.descriptor, mediaType: MediaType.dockerManifest }]);
    const [only, ...others] = await messagesOf(repository, root, { fast: true });
    assert.equal(only, `is ${MediaType.ociManifest}, but its index names ${MediaType.dockerManifest}`);
    assert.deepEqual(others, []);
  });

  it('validate names schema 1 as an old format', async () => {
    const schema1 = manifestOf(MediaType.schema1, { schemaVersion: 1, fsLayers: [], history: [] });
    const [only = ''] = await messagesOf(place(), schema1);
    assert.match(only, /schema 1/);
  });

  it('validate compares the platform of a child only where its config exists', async () => {
    const repository = createMemoryRegistry().repository('acme/app', { actions: ['delete'] });
    const image = await imageWith(repository, gzipSync(tar), {});
    await repository.manifests.put(image);
    const root = indexOf([{ ...image.descriptor, platform: { os: 'linux', architecture: 'arm64' } }]);
    await repository.manifests.put(root);
    const wrong = 'is for linux/amd64, but its index names linux/arm64';
    assert.ok((await messagesOf(repository, root)).includes(wrong));
    assert.ok(!(await messagesOf(repository, root, { fast: true })).includes(wrong));
    await repository.blobs.delete(config.descriptor.digest);
    assert.ok(!(await messagesOf(repository, root)).includes(wrong));
  });
});
