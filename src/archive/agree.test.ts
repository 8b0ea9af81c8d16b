import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { atEnd } from '../../test/at-end.ts';
import { type ErrorCode, isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { blobsOf } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { TarFileWithBody } from '../tar/write.ts';
import {
  classicFiles,
  docker25Files,
  file,
  indexOf,
  layerPaths,
  layoutFiles,
  manifestJson,
  manifestOf,
  type SampleImage,
  sampleImage,
  savedEntry,
  saveTar,
  tarOf,
  withLayers,
} from './archives.test.samples.ts';
import { type ArchiveRepository, openArchive } from './read.ts';

const image = await sampleImage('hello');
const other = await sampleImage('other');
const { body } = image.manifest;
const layers = body.kind === 'image' ? body.layers : [];
const hollow = withLayers(image, []);
const name = 'acme/app:1';
/** Returns the layers of an image. Its config lists the layers of `image`. */
const plain = await Promise.all(['other', 'top'].map((text) => tarOf([file('file', text)])));

interface Opened {
  readonly archive: ArchiveRepository;
  readonly warnings: readonly string[];
}

async function open(test: TestContext, files: readonly TarFileWithBody[]): Promise<Opened> {
  const warnings: string[] = [];
  const archive = await openArchive(await saveTar(test, files), { onWarning: (text) => warnings.push(text) });
  atEnd(test, () => archive[Symbol.asyncDispose]());
  return { archive, warnings };
}

/** Returns the digests of the unpacked layers of an image in the archive. */
async function layersOf(archive: ArchiveRepository, reference: string): Promise<number> {
  const manifest = await archive.manifests.get(reference);
  for (const blob of blobsOf(manifest.body)) {
    const bytes = await collect(archive.blobs.open(blob).open(), { limit: 2 ** 24, what: blob.digest });
    assert.equal(digestOf(bytes), blob.digest);
  }
  return manifest.body.kind === 'image' ? manifest.body.layers.length : -1;
}

/** Makes a layout with this manifest.json. */
function docker(
  roots: Parameters<typeof layoutFiles>[0],
  images: readonly SampleImage[],
  saved: readonly object[],
): readonly TarFileWithBody[] {
  return [...layoutFiles(roots, images), file('manifest.json', saved)];
}

describe('docker25-empty-layers: two descriptions of one image', () => {
  it('gantry takes the image from manifest.json, with a warning, if the manifest lists no layers', async (test) => {
    const files = docker([{ ...hollow, fullName: name }], [image], [savedEntry(image)]);
    const { archive, warnings } = await open(test, files);
    assert.equal(await layersOf(archive, name), 2);
    assert.equal((await archive.roots()).length, 1);
    assert.equal(warnings.length, 1);
  });

  it('gantry takes the manifest, with a warning, if manifest.json lists fewer layers', async (test) => {
    const files = docker([{ ...image, fullName: name }], [image], [savedEntry(image, [name], [])]);
    const { archive, warnings } = await open(test, files);
    assert.equal((await archive.manifests.resolve(name))?.digest, image.manifest.descriptor.digest);
    assert.equal(await layersOf(archive, name), 2);
    assert.equal(warnings.length, 1);
  });

  it('equal descriptions give no warning, also if their files are copies', async (test) => {
    const twins = image.layers.map((layer, at) => file(`layer${at}.tar`, layer));
    const saved = savedEntry(image, [name], ['layer0.tar', 'layer1.tar']);
    const files = [...docker([{ ...image, fullName: name }], [image], [saved]), ...twins];
    const { archive, warnings } = await open(test, files);
    assert.equal(await layersOf(archive, name), 2);
    assert.equal((await archive.manifests.resolve(name))?.digest, image.manifest.descriptor.digest);
    assert.deepEqual(warnings, []);
  });

  it('the complete image counts if one name means another image in each description', async (test) => {
    const broken = withLayers(other, []);
    const files = docker([{ ...broken, fullName: name }], [image, other], [savedEntry(image)]);
    const { archive } = await open(test, files);
    const manifest = await archive.manifests.get(name);
    assert.ok(manifest.body.kind === 'image');
    assert.equal(manifest.body.config.digest, digestOf(image.config));
    assert.equal(await layersOf(archive, name), 2);
  });

  const swapped = layers.toReversed();
  const cut = (sample: SampleImage): readonly TarFileWithBody[] =>
    layoutFiles([{ ...sample, fullName: name }], [image]);
  const refusals: readonly (readonly [string, ErrorCode, readonly TarFileWithBody[]])[] = [
    ['if the manifest lists no layers and no other description exists', 'MANIFEST_INVALID', cut(hollow)],
    [
      'if the manifest lists a layer twice',
      'MANIFEST_INVALID',
      cut(withLayers(image, [...layers, ...layers])),
    ],
    [
      'if both descriptions list no layers',
      'MANIFEST_INVALID',
      docker([{ ...hollow, fullName: name }], [image], [savedEntry(image, [name], [])]),
    ],
    [
      'if both descriptions list the layers of another image',
      'MANIFEST_INVALID',
      docker(
        [{ ...withLayers(image, swapped), fullName: name }],
        [image],
        [savedEntry(image, [name], layerPaths(other))],
      ),
    ],
    ['if its uncompressed layers are not those of the config', 'MANIFEST_INVALID', plainLayers()],
    [
      'if one name means two complete images',
      'MANIFEST_INVALID',
      docker([{ ...other, fullName: name }], [image, other], [savedEntry(image)]),
    ],
    [
      'if two files named manifest.json differ',
      'MANIFEST_INVALID',
      [...classicFiles(image, [name]), manifestJson('elsewhere', [])],
    ],
    [
      'if two files named index.json differ',
      'MANIFEST_INVALID',
      [
        ...layoutFiles([{ ...image, fullName: name }], [image]),
        file('./index.json', { schemaVersion: 2, manifests: [] }),
      ],
    ],
    [
      'if two configs with one name differ',
      'MANIFEST_INVALID',
      [
        ...classicFiles(image, [name]),
        ...classicFiles(image, [name]).flatMap((entry) =>
          /^[0-9a-f]{64}\.json$/.test(entry.name) ? [file(entry.name, other.config)] : [],
        ),
      ],
    ],
    ['if the descriptor of an index has the type of an image', 'MANIFEST_INVALID', mislabelled()],
  ];
  for (const [sentence, code, files] of refusals) {
    it(`gantry refuses the image ${sentence}`, async (test) => {
      await assert.rejects(
        async () => {
          const { archive } = await open(test, files);
          await archive.manifests.get(name);
        },
        (error) => isGantryError(error, code),
      );
    });
  }

  it('gantry takes the image from manifest.json if the manifest has another size of a layer', async (test) => {
    const sizes = layers.map((layer) => ({ ...layer, size: layer.size + 1 }));
    const files = docker([{ ...withLayers(image, sizes), fullName: name }], [image], [savedEntry(image)]);
    const { archive, warnings } = await open(test, files);
    assert.equal(await layersOf(archive, name), 2);
    assert.equal(warnings.length, 1);
  });

  it('a contradicting child of an index is refused, because no other image may replace it', async (test) => {
    const index = indexOf(hollow);
    const files = docker([{ manifest: index, fullName: name }], [hollow, image], [savedEntry(image)]);
    const { archive } = await open(test, files);
    await assert.rejects(archive.manifests.get(hollow.manifest.descriptor.digest), (error) =>
      isGantryError(error, 'MANIFEST_INVALID'),
    );
  });

  it('the config of an artifact does not have to match its layers', async (test) => {
    const config = new TextEncoder().encode('{}');
    const artifact = manifestOf(MediaType.ociManifest, {
      config: { mediaType: MediaType.ociConfig, digest: digestOf(config), size: 2 },
      layers,
    });
    const sample = {
      ...image,
      config,
      manifest: artifact,
      blobs: new Map([...image.blobs, [digestOf(config), config]]),
    };
    const { archive } = await open(test, layoutFiles([{ manifest: artifact, name: 'a' }], [sample]));
    assert.equal(await layersOf(archive, 'a'), 2);
  });

  it('equal files with one name are no contradiction', async (test) => {
    const { archive } = await open(test, [...classicFiles(image, [name]), ...classicFiles(image, [name])]);
    assert.equal(await layersOf(archive, name), 2);
  });

  it('an image that only manifest.json describes is found', async (test) => {
    const files = [
      ...docker25Files(image, [name]).filter((entry) => entry.name !== 'index.json'),
      file('index.json', { schemaVersion: 2, manifests: [] }),
    ];
    const { archive } = await open(test, files);
    assert.equal(await layersOf(archive, name), 2);
  });

  it('a layer with another compression than its type gives a warning', async (test) => {
    const called = layers.map((layer) => ({ ...layer, mediaType: MediaType.ociLayer }));
    const { archive, warnings } = await open(
      test,
      layoutFiles([{ ...withLayers(image, called), name: 'a' }], [image]),
    );
    assert.equal(await layersOf(archive, 'a'), 2);
    assert.equal(warnings.length, 2);
  });
});

/** An image with uncompressed layers that are not those of its config. */
function plainLayers(): readonly TarFileWithBody[] {
  const described = plain.map((bytes) => ({
    mediaType: MediaType.ociLayer,
    digest: digestOf(bytes),
    size: bytes.byteLength,
  }));
  const sample = withLayers(image, described);
  const blobs = new Map([...image.blobs, ...plain.map((bytes) => [digestOf(bytes), bytes] as const)]);
  return layoutFiles([{ ...sample, fullName: name }], [{ ...sample, blobs }]);
}

/** An index with the type of an image in index.json. */
function mislabelled(): readonly TarFileWithBody[] {
  const index = indexOf(image);
  const called = { ...index, descriptor: { ...index.descriptor, mediaType: MediaType.ociManifest } };
  return layoutFiles([{ manifest: called, fullName: name }], [image]);
}

describe('several-images-in-an-archive: images side by side', () => {
  const classic = (
    files: readonly TarFileWithBody[],
    names: readonly string[],
  ): readonly TarFileWithBody[] => [
    ...files,
    ...classicFiles(image, names).flatMap((entry) =>
      entry.name === 'manifest.json' ? [] : [{ ...entry, name: `a/${entry.name}` }],
    ),
  ];
  const config = `a/${digestOf(image.config).slice(7)}.json`;
  const good = { Config: config, RepoTags: ['a:1'], Layers: ['a/layer0/layer.tar', 'a/layer1/layer.tar'] };
  for (const [sentence, entry, more] of [
    ['with a missing layer', { ...good, Layers: ['none', 'none'] }, []],
    ['with a missing config', { ...good, Config: 'none' }, []],
    ['whose layers are those of another', { ...good, Layers: good.Layers.toReversed() }, []],
    ['whose layer leads out', { ...good, Layers: ['../../etc/passwd', '/etc/passwd'] }, []],
    ['whose config is none', { ...good, Config: 'b.json' }, [file('b.json', '[]')]],
    ['with a damaged layer', { ...good, Layers: ['c', 'c'] }, [file('c', gzipSync('hello').subarray(0, 15))]],
  ] as const) {
    it(`an image ${sentence} does not block the other`, async (test) => {
      const files = [
        ...classic(more, ['a:1']),
        file('manifest.json', [{ ...entry, RepoTags: ['b:1'] }, good]),
      ];
      const { archive } = await open(test, files);
      assert.equal(await layersOf(archive, 'a:1'), 2);
      await assert.rejects(archive.manifests.get('b:1'), (error) => isGantryError(error));
    });
  }

  it('an image with a missing or truncated manifest does not block the other in a layout', async (test) => {
    for (const change of [() => [], (entry: TarFileWithBody) => [file(entry.name, 'x')]]) {
      const roots = [
        { ...other, fullName: 'b:1' },
        { ...image, fullName: 'a:1' },
      ];
      const broken = other.manifest.descriptor.digest.slice(7);
      const files = layoutFiles(roots, [image, other]).flatMap((entry) =>
        entry.name.endsWith(broken) ? change(entry) : [entry],
      );
      const { archive } = await open(test, files);
      assert.equal(await layersOf(archive, 'a:1'), 2);
      await assert.rejects(archive.manifests.get('b:1'), (error) => isGantryError(error));
    }
  });
});

describe('stray-name: a file with a name that leads out of the archive', () => {
  for (const stray of ['../escape', '/etc/passwd', 'a/../../b', '..']) {
    it(`the file ${stray} is skipped with a warning`, async (test) => {
      const { archive, warnings } = await open(test, [file(stray, 'x'), ...classicFiles(image, [name])]);
      assert.equal(await layersOf(archive, name), 2);
      assert.equal(warnings.length, 1);
      assert.ok(warnings[0]?.includes(stray));
    });

    it(`the file ${stray} is refused if the image needs it`, async (test) => {
      const files = [file(stray, 'x'), file('c.json', image.config), manifestJson('c.json', [stray])];
      const { archive } = await open(test, files);
      await assert.rejects(archive.roots(), (error) => isGantryError(error, 'MANIFEST_INVALID'));
    });
  }
});
