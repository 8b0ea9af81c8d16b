import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { failsWith, listOf } from '../testing/contract/sample.ts';
import {
  docker25Files,
  folder,
  indexOf,
  manifestOf,
  type SampleImage,
  sampleImage,
  saveTar,
  withLayers,
} from './archives.test.samples.ts';
import { openArchive } from './read.ts';
import { createArchive } from './write.ts';

const image = await sampleImage('hello');
const arm = await sampleImage('arm', 'arm64');

/** The same image with its layers packed anew. */
function repacked(): SampleImage {
  const packed = image.layers.map((layer) => new Uint8Array(gzipSync(layer, { level: 1 })));
  const layers = packed.map((bytes) => ({
    mediaType: MediaType.ociLayerGzip,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  }));
  const blobs = new Map([...image.blobs, ...packed.map((bytes) => [digestOf(bytes), bytes] as const)]);
  return { ...withLayers(image, layers), blobs };
}

/** The same image with another manifest, as a conversion or an annotation makes one. */
function annotated(): SampleImage {
  const { body } = image.manifest;
  assert(body.kind === 'image');
  const { config, layers } = body;
  return {
    ...image,
    manifest: manifestOf(MediaType.ociManifest, { config, layers, annotations: { a: 'b' } }),
  };
}

async function put(to: Repository, sample: SampleImage, ...tags: readonly string[]): Promise<void> {
  for (const [digest, bytes] of sample.blobs) {
    const blob = { mediaType: MediaType.octetStream, digest, size: bytes.byteLength };
    await to.blobs.write(blob, bytesContent(bytes));
  }
  await to.manifests.put(sample.manifest, { tags });
}

async function digestsIn(path: string, ...names: readonly string[]): Promise<readonly Digest[]> {
  await using archive = await openArchive(path);
  const found: Digest[] = [];
  for (const name of names) found.push((await archive.manifests.get(name)).descriptor.digest);
  return found;
}

const digestsOf = (...manifests: readonly Manifest[]): readonly Digest[] =>
  manifests.map(({ descriptor }) => descriptor.digest);

describe('shared-config: images with one config in a docker archive', () => {
  for (const [name, twin] of [
    ['packed anew', repacked()],
    ['with another manifest', annotated()],
  ] as const) {
    it(`an image and the same image ${name} keep their names`, async (test) => {
      const path = join(folder(test), 'image.tar');
      {
        await using to = await createArchive(path, { format: 'docker' });
        await put(to, image, 'acme/app:1', 'acme/app:also');
        await put(to, twin, 'acme/app:2');
        await to.commit();
      }
      const found = await digestsIn(path, 'acme/app:1', 'acme/app:also', 'acme/app:2');
      assert.deepEqual(found, digestsOf(image.manifest, image.manifest, twin.manifest));
      await using archive = await openArchive(path);
      assert.equal((await listOf(archive.tags.list())).length, 3);
    });

    it(`an addition keeps an image beside the same image ${name}`, async (test) => {
      const path = join(folder(test), 'image.tar');
      for (const [sample, tag] of [
        [image, 'acme/app:1'],
        [twin, 'acme/app:2'],
        [arm, 'acme/app:3'],
      ] as const) {
        await using to = await createArchive(path, { format: 'docker', existing: 'add' });
        await put(to, sample, tag);
        await to.commit();
      }
      const found = await digestsIn(path, 'acme/app:1', 'acme/app:2', 'acme/app:3');
      assert.deepEqual(found, digestsOf(image.manifest, twin.manifest, arm.manifest));
    });
  }

  it('an index and one of its images keep their names', async (test) => {
    const path = join(folder(test), 'image.tar');
    const index = indexOf(image, arm);
    {
      await using to = await createArchive(path, { format: 'docker' });
      await put(to, image, 'acme/app:amd64');
      await put(to, arm);
      await to.manifests.put(index, { tags: ['acme/app:all'] });
      await to.commit();
    }
    const found = await digestsIn(path, 'acme/app:amd64', 'acme/app:all');
    assert.deepEqual(found, digestsOf(image.manifest, index));
  });

  it('a name that index.json gives to nothing still means every image with the config', async (test) => {
    const twin = annotated();
    const files = docker25Files(image, ['acme/app:1']);
    const entries = [image.manifest.descriptor, twin.manifest.descriptor];
    const index = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests: entries }));
    const path = await saveTar(test, [
      ...files.filter(({ name }) => name !== 'index.json'),
      { name: 'index.json', size: index.byteLength, body: bytesContent(index).open() },
      {
        name: `blobs/sha256/${twin.manifest.descriptor.digest.slice(7)}`,
        size: twin.manifest.bytes.byteLength,
        body: bytesContent(twin.manifest.bytes).open(),
      },
    ]);
    await using archive = await openArchive(path);
    await failsWith(archive.manifests.get('acme/app:1'), 'MANIFEST_INVALID');
  });
});
