import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { TransportError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, mapContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { verified } from '../flow/verify.ts';
import { parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { type TarFile, writeTar } from '../tar/write.ts';
import { blobOf, give, indexOf, listOf, type SampleBlob } from '../testing/contract/sample.ts';
import { validate } from './validate.ts';

function tarOf(...names: readonly string[]): Promise<Uint8Array> {
  return collect(writeTar(names.map((name) => ({ name }))), { limit: 2 ** 20, what: 'tar' });
}

const place = (): Repository => createMemoryRegistry().repository('acme/app');

function manifestOf(mediaType: string, fields: object): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}

interface Parts {
  readonly layers: readonly SampleBlob[];
  readonly diffIds: readonly string[];
  readonly config?: SampleBlob;
  readonly configType?: string;
  readonly layerType?: string;
  readonly architecture?: string;
}

/** Puts an image with content that may have any fault but absence. */
async function giveImage(repository: Repository, parts: Parts): Promise<Manifest> {
  const { layers, diffIds, architecture = 'amd64' } = parts;
  const json = { os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: diffIds } };
  const config = parts.config ?? blobOf(JSON.stringify(json));
  await give(repository, config, ...layers);
  const manifest = manifestOf(MediaType.ociManifest, {
    config: { ...config.descriptor, mediaType: parts.configType ?? MediaType.ociConfig },
    layers: layers.map(({ descriptor }) => ({
      ...descriptor,
      mediaType: parts.layerType ?? MediaType.ociLayerGzip,
    })),
  });
  await repository.manifests.put(manifest);
  return manifest;
}

/** A valid image of two layers. */
async function soundParts(): Promise<Parts> {
  const tars = [await tarOf('base', 'file'), await tarOf('top')];
  return { layers: tars.map((tar) => blobOf(gzipSync(tar))), diffIds: tars.map((tar) => digestOf(tar)) };
}

/** Puts an image of layers with these entries. */
async function giveTars(
  repository: Repository,
  layers: readonly (readonly TarFile[])[],
  os = 'linux',
): Promise<Manifest> {
  const tars = await Promise.all(
    layers.map((files) => collect(writeTar(files), { limit: 2 ** 20, what: 'tar' })),
  );
  const diffIds = tars.map((tar) => digestOf(tar));
  const config = blobOf(
    JSON.stringify({ os, architecture: 'amd64', rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  return giveImage(repository, { layers: tars.map((tar) => blobOf(gzipSync(tar))), diffIds, config });
}

function linkTo(name: string, linkname: string): TarFile {
  return { name, linkname, type: 'link' };
}

/** The same place with other bytes in one blob. Readings are verified, as over HTTP. */
function withBytes(repository: Repository, digest: Digest, bytes: Uint8Array): Repository {
  return {
    ...repository,
    blobs: {
      ...repository.blobs,
      open(blob) {
        const wanted = typeof blob === 'string' ? { digest: blob } : blob;
        if (wanted.digest !== digest) return repository.blobs.open(blob);
        return mapContent(bytesContent(bytes), (source) => verified(source, wanted));
      },
    },
  };
}

/** The digests with a fault, in order. */
async function problemsOf(
  repository: Repository,
  manifest: Manifest,
  options: { readonly fast?: boolean } = {},
): Promise<readonly string[]> {
  const problems = await listOf(validate(repository, manifest, options));
  for (const { message } of problems) assert.notEqual(message, '');
  return problems.map(({ descriptor }) => descriptor.digest);
}

const blobsOf = ({ body }: Manifest): readonly Descriptor[] =>
  body.kind === 'image' ? [body.config, ...body.layers] : [];

describe('validate of an image', () => {
  it('validate finds no fault in a valid image', async () => {
    const there = place();
    const manifest = await giveImage(there, await soundParts());
    assert.deepEqual(await problemsOf(there, manifest), []);
    assert.deepEqual(await problemsOf(there, manifest, { fast: true }), []);
  });

  for (const fast of [false, true]) {
    it(`validate finds each missing blob${fast ? ' without reading' : ''}`, async () => {
      const there = place();
      const manifest = await giveImage(there, await soundParts());
      const [config, , top] = blobsOf(manifest).map(({ digest }) => digest);
      assert.ok(config !== undefined && top !== undefined);
      await there.blobs.delete(top);
      assert.deepEqual(await problemsOf(there, manifest, { fast }), [top]);
      await there.blobs.delete(config);
      assert.deepEqual(await problemsOf(there, manifest, { fast }), [config, top]);
    });
  }

  it('validate finds bytes with another digest or length, but not in fast mode', async () => {
    const sound = place();
    const manifest = await giveImage(sound, await soundParts());
    for (const blob of blobsOf(manifest)) {
      const bytes = await collect(sound.blobs.open(blob).open(), { limit: 2 ** 20, what: 'blob' });
      for (const other of [
        bytes.with(bytes.length - 1, 1),
        bytes.subarray(1),
        Buffer.concat([bytes, bytes]),
      ]) {
        const lying = withBytes(sound, blob.digest, other);
        assert.deepEqual(await problemsOf(lying, manifest), [blob.digest]);
        assert.deepEqual(await problemsOf(lying, manifest, { fast: true }), []);
      }
    }
  });

  for (const [name, change] of [
    ['a layer that does not match the config', ({ diffIds }: Parts) => ({ diffIds: diffIds.toReversed() })],
    [
      'a layer with damaged gzip',
      ({ layers }: Parts) => ({ layers: [damaged(layers[0]), ...layers.slice(1)] }),
    ],
    [
      'a layer that is no tar',
      ({ layers, diffIds }: Parts) => {
        const text = 'not a tar, though as long as a header of one is. '.repeat(20);
        return {
          layers: [blobOf(text), ...layers.slice(1)],
          diffIds: [blobOf(text).descriptor.digest, ...diffIds.slice(1)],
        };
      },
    ],
  ] satisfies [string, (parts: Parts) => Partial<Parts>][]) {
    it(`validate finds ${name}`, async () => {
      const there = place();
      const parts = await soundParts();
      const manifest = await giveImage(there, { ...parts, ...change(parts) });
      const [, first] = blobsOf(manifest);
      assert.equal((await problemsOf(there, manifest))[0], first?.digest);
      assert.deepEqual(await problemsOf(there, manifest, { fast: true }), []);
    });
  }

  it('validate finds a layer that has a path twice', async () => {
    const there = place();
    const tar = await tarOf('lib', 'bin/sh', 'bin/sh');
    const manifest = await giveImage(there, { layers: [blobOf(gzipSync(tar))], diffIds: [digestOf(tar)] });
    assert.deepEqual(await problemsOf(there, manifest), [blobsOf(manifest)[1]?.digest]);
  });

  for (const [sentence, below, above, faults] of [
    ['finds a hard link without a target', [{ name: 'a' }], [linkTo('b', 'none')], ['a hard link to "none"']],
    ['accepts a hard link to a file of a layer below', [{ name: 'a' }], [linkTo('b', 'a')], []],
    ['finds an entry below a file', [{ name: 'd' }], [{ name: 'd/x' }], ['"d" is not a directory']],
    ['finds a name that leads out of the image', [{ name: 'a' }], [{ name: '../b' }], ['"../b"']],
    ['finds a whiteout without a name', [{ name: 'a' }], [{ name: '.wh.' }], ['the whiteout ".wh."']],
    ['finds two spellings of one path', [{ name: 'a' }], [{ name: './b' }, { name: 'b' }], ['"b" twice']],
  ] as const) {
    it(`validate ${sentence}`, async () => {
      const there = place();
      const manifest = await giveTars(there, [below, above]);
      const problems = await listOf(validate(there, manifest));
      assert.equal(problems.length, faults.length, problems.map(({ message }) => message).join('\n'));
      for (const [at, fault] of faults.entries()) {
        assert.equal(problems[at]?.descriptor.digest, blobsOf(manifest)[2]?.digest);
        assert.ok(problems[at]?.message.includes(fault), problems[at]?.message);
      }
    });
  }

  it('validate does not look for the target of a hard link in a Windows image or above a damaged layer', async () => {
    const layers = [[{ name: 'Files/A' }], [linkTo('Files/b', 'Files/a')]] as const;
    const there = place();
    assert.deepEqual(await listOf(validate(there, await giveTars(there, layers, 'windows'))), []);
    const manifest = await giveTars(there, layers);
    const [, damaged] = blobsOf(manifest);
    assert.ok(damaged);
    const problems = await problemsOf(withBytes(there, damaged.digest, new Uint8Array(10)), manifest);
    assert.deepEqual(problems, [damaged.digest]);
  });

  it('validate finds a malformed config and one that names another number of layers', async () => {
    const there = place();
    const parts = await soundParts();
    const html = await giveImage(there, { ...parts, config: blobOf('<html></html>') });
    assert.deepEqual(await problemsOf(there, html), [blobsOf(html)[0]?.digest]);
    const fewer = await giveImage(there, { ...parts, diffIds: parts.diffIds.slice(0, 1) });
    assert.deepEqual(await problemsOf(there, fewer), [blobsOf(fewer)[0]?.digest]);
  });

  it('validate does not unpack the layers of an artifact', async () => {
    const there = place();
    const manifest = await giveImage(there, {
      layers: [blobOf('a chart')],
      diffIds: [],
      config: blobOf('{}'),
      configType: MediaType.empty,
      layerType: 'application/vnd.acme.chart',
    });
    assert.deepEqual(await problemsOf(there, manifest), []);
    const [, layer] = blobsOf(manifest);
    assert.ok(layer);
    await there.blobs.delete(layer.digest);
    assert.deepEqual(await problemsOf(there, manifest), [layer.digest]);
  });

  it('validate skips layers that may not be distributed', async () => {
    const there = place();
    const manifest = await giveImage(there, {
      ...(await soundParts()),
      layerType: MediaType.ociForeignLayerGzip,
    });
    for (const { digest } of blobsOf(manifest).slice(1)) await there.blobs.delete(digest);
    for (const fast of [true, false]) assert.deepEqual(await problemsOf(there, manifest, { fast }), []);
  });
});

const linux = (architecture: string) => ({ os: 'linux', architecture });

describe('validate of an index', () => {
  it('validate checks everything below an index', async () => {
    const there = place();
    const one = await giveImage(there, await soundParts());
    const two = await giveImage(there, { ...(await soundParts()), architecture: 'arm64' });
    const inner = indexOf([{ ...two.descriptor, platform: linux('arm64') }]);
    const wasm = blobOf('wasm');
    await give(there, wasm);
    await there.manifests.put(inner);
    const index = indexOf([
      { ...one.descriptor, platform: linux('amd64') },
      inner.descriptor,
      { ...wasm.descriptor, mediaType: 'application/wasm' },
    ]);
    for (const fast of [false, true]) assert.deepEqual(await problemsOf(there, index, { fast }), []);
    await there.blobs.delete(wasm.descriptor.digest);
    const [config] = blobsOf(two);
    assert.ok(config);
    await there.blobs.delete(config.digest);
    for (const fast of [false, true]) {
      assert.deepEqual(await problemsOf(there, index, { fast }), [config.digest, wasm.descriptor.digest]);
    }
    await there.manifests.delete(inner.descriptor.digest);
    for (const fast of [false, true]) {
      const expected = [inner.descriptor.digest, wasm.descriptor.digest];
      assert.deepEqual(await problemsOf(there, index, { fast }), expected);
    }
  });

  it('validate finds a child with another size than in the index', async () => {
    const there = place();
    const { descriptor } = await giveImage(there, await soundParts());
    const index = indexOf([{ ...descriptor, size: descriptor.size + 1 }]);
    assert.deepEqual(await problemsOf(there, index), [descriptor.digest]);
  });

  it('validate finds a child for another platform than in the index', async () => {
    const there = place();
    const { descriptor } = await giveImage(there, await soundParts());
    assert.deepEqual(await problemsOf(there, indexOf([{ ...descriptor, platform: linux('arm64') }])), [
      descriptor.digest,
    ]);
    for (const platform of [linux('amd64'), { os: 'unknown', architecture: 'unknown' }]) {
      assert.deepEqual(await problemsOf(there, indexOf([{ ...descriptor, platform }])), []);
    }
  });
});

describe('validate of other manifests and failing places', () => {
  it('validate reports a manifest that is neither an image nor an index', async () => {
    const there = place();
    const thing = manifestOf('application/vnd.acme.thing+json', {});
    assert.deepEqual(await problemsOf(there, thing), [thing.descriptor.digest]);
  });

  it('validate throws errors that tell nothing about the image', async () => {
    const sound = place();
    const manifest = await giveImage(sound, await soundParts());
    const failure = new TransportError('NO_CONNECTION', 'nobody is there');
    const dead: Repository = {
      ...sound,
      blobs: {
        ...sound.blobs,
        open: (blob) =>
          // biome-ignore lint/correctness/useYield: it fails before the first byte.
          mapContent(sound.blobs.open(blob), async function* () {
            throw failure;
          }),
      },
    };
    await assert.rejects(problemsOf(dead, manifest), (error) => error === failure);
  });

  it('validate stops when the signal aborts', async () => {
    const there = place();
    const manifest = await giveImage(there, await soundParts());
    const signal = AbortSignal.abort('stop');
    await assert.rejects(listOf(validate(there, manifest, { signal })), (error) => error === 'stop');
  });
});

function damaged(blob: SampleBlob | undefined): SampleBlob {
  const bytes = new Uint8Array(blob?.bytes ?? []);
  return blobOf(bytes.fill(0xff, 12, 40));
}
