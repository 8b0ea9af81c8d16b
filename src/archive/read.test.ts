import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import * as zlib from 'node:zlib';
import { atEnd } from '../../test/at-end.ts';
import { zstdStored } from '../../test/zstd.ts';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { parseImageConfig } from '../json/image-config.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { digestEncoded } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { TarFileWithBody } from '../tar/write.ts';
import {
  classicFiles,
  craneFiles,
  docker25Files,
  file,
  folder,
  indexOf,
  layoutFiles,
  manifestJson,
  type SampleImage,
  sampleImage,
  save,
  saveTar,
  tarOf,
  v1Files,
} from './archives.test.samples.ts';
import { type ArchiveRepository, openArchive } from './read.ts';

const image = await sampleImage('hello');
const other = await sampleImage('hello', 'arm64');

async function open(test: TestContext, path: string): Promise<ArchiveRepository> {
  const archive = await openArchive(path);
  atEnd(test, () => archive[Symbol.asyncDispose]());
  return archive;
}

async function openFiles(test: TestContext, files: readonly TarFileWithBody[]): Promise<ArchiveRepository> {
  return open(test, await saveTar(test, files));
}

async function namesOf(archive: ArchiveRepository): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const name of archive.tags.list()) names.push(name);
  return names;
}

async function bytesOf(archive: ArchiveRepository, blob: Descriptor): Promise<Uint8Array> {
  return collect(archive.blobs.open(blob).open(), { limit: 2 ** 24, what: blob.digest });
}

/** Compares config and unpacked layers with the sample. */
async function sameImage(archive: ArchiveRepository, sample: SampleImage, exact = true): Promise<void> {
  const [root] = await archive.roots();
  assert.ok(root);
  const { body } = await archive.manifests.get(root.digest);
  assert.ok(body.kind === 'image');
  const config = await bytesOf(archive, body.config);
  if (exact) assert.deepEqual(config, sample.config);
  const layers = await Promise.all(body.layers.map((layer) => bytesOf(archive, layer)));
  assert.deepEqual(
    layers.map((layer) => digestOf(zlib.gunzipSync(layer))),
    sample.layers.map((layer) => digestOf(layer)),
  );
  assert.deepEqual(
    layers.map((layer) => digestOf(layer)),
    body.layers.map(({ digest }) => digest),
  );
}

// A folder of its own, because other tests use the system's at the same time.
const spoolFolder = mkdtempSync(join(tmpdir(), 'gantry-test-'));
process.env['TMPDIR'] = spoolFolder;
process.env['TEMP'] = spoolFolder;
after(() => rmSync(spoolFolder, { recursive: true, force: true }));

function spools(): readonly string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('.gantry-draft-'));
}

describe('openArchive', () => {
  it('openArchive reads an OCI archive with its own digests', async (test) => {
    const archive = await openFiles(test, layoutFiles([{ ...image, name: 'v1' }], [image]));
    assert.equal(archive.format, 'oci');
    assert.deepEqual(
      (await archive.roots()).map(({ digest }) => digest),
      [image.manifest.descriptor.digest],
    );
    assert.equal((await archive.manifests.resolve('v1'))?.digest, image.manifest.descriptor.digest);
    await sameImage(archive, image);
  });

  it('openArchive reads an archive of Docker 25 with the digests of index.json, and finds names in manifest.json', async (test) => {
    const archive = await openFiles(test, docker25Files(image, ['acme/app:1', 'acme/app:2']));
    assert.equal(archive.format, 'docker');
    assert.deepEqual(await namesOf(archive), ['acme/app:1', 'acme/app:2']);
    assert.equal((await archive.manifests.resolve('acme/app:2'))?.digest, image.manifest.descriptor.digest);
    await sameImage(archive, image);
  });

  it('openArchive reads an archive of an older Docker, and makes a docker manifest', async (test) => {
    const archive = await openFiles(test, classicFiles(image, ['acme/app:1']));
    assert.equal(archive.format, 'docker');
    assert.deepEqual(await namesOf(archive), ['acme/app:1']);
    const manifest = await archive.manifests.get('acme/app:1');
    assert.equal(manifest.descriptor.mediaType, MediaType.dockerManifest);
    await sameImage(archive, image);
  });

  it('openArchive makes the same manifest of the same archive', async (test) => {
    const [one, two] = [
      await openFiles(test, classicFiles(image, null)),
      await openFiles(test, classicFiles(image, null)),
    ];
    assert.deepEqual(await one.roots(), await two.roots());
  });

  it('openArchive takes gzipped layers unchanged', async (test) => {
    const archive = await openFiles(test, craneFiles(image));
    const { body } = await archive.manifests.get('acme/app:1');
    assert.ok(body.kind === 'image' && image.manifest.body.kind === 'image');
    assert.deepEqual(
      body.layers.map(({ digest }) => digest),
      image.manifest.body.layers.map(({ digest }) => digest),
    );
    await sameImage(archive, image);
  });

  it('openArchive reads an archive of Docker before 1.10, and makes a config of the layers', async (test) => {
    const archive = await openFiles(test, v1Files(image));
    await sameImage(archive, image, false);
    const { body } = await archive.manifests.get('acme/app:1');
    assert.ok(body.kind === 'image');
    const config = parseImageConfig(await bytesOf(archive, body.config));
    assert.deepEqual(
      config.rootfs.diff_ids,
      image.layers.map((layer) => digestOf(layer)),
    );
    assert.deepEqual(
      config.history?.map((step) => step.created_by),
      ['/bin/sh -c step 0', '/bin/sh -c step 1'],
    );
    assert.deepEqual(config.config?.Cmd, ['/bin/sh']);
  });

  for (const [sentence, type, linkname] of [
    ['follows a symlink to a layer that was written before', 'symlink', '../layer0/layer.tar'],
    ['follows a hard link to a layer that was written before', 'link', 'layer0/layer.tar'],
  ] as const) {
    it(`openArchive ${sentence}`, async (test) => {
      const [layer = new Uint8Array(0)] = image.layers;
      const config = {
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: [digestOf(layer), digestOf(layer)] },
      };
      const archive = await openFiles(test, [
        file('layer0/layer.tar', layer),
        { name: 'layer1/layer.tar', type, linkname },
        file('config.json', config),
        manifestJson('config.json', ['layer0/layer.tar', 'layer1/layer.tar']),
      ]);
      const { body } = await archive.manifests.get('acme/app:1');
      assert.ok(body.kind === 'image');
      assert.equal(body.layers[0]?.digest, body.layers[1]?.digest);
    });
  }

  it('an image with a zstd layer gets an OCI manifest', async (test) => {
    const [layer = new Uint8Array(0)] = image.layers;
    const zstd = zstdStored(layer);
    const archive = await openFiles(test, [
      file('layer', zstd),
      file('config', { os: 'linux', rootfs: { type: 'layers', diff_ids: [digestOf(layer)] } }),
      manifestJson('config', ['layer']),
    ]);
    const { descriptor, body } = await archive.manifests.get('acme/app:1');
    assert.ok(body.kind === 'image');
    assert.equal(descriptor.mediaType, MediaType.ociManifest);
    assert.deepEqual(body.layers, [
      { mediaType: MediaType.ociLayerZstd, digest: digestOf(zstd), size: zstd.byteLength },
    ]);
  });

  it('openArchive reads archives with names that begin with ./', async (test) => {
    const files = classicFiles(image, ['acme/app:1']).map((entry) => ({ ...entry, name: `./${entry.name}` }));
    await sameImage(await openFiles(test, files), image);
  });

  it('openArchive unpacks a gzipped archive to disk and removes it when it is disposed', async (test) => {
    const before = spools();
    const path = save(test, zlib.gzipSync(await tarOf(classicFiles(image, ['acme/app:1']))), 'image.tar.gz');
    const archive = await openArchive(path);
    await sameImage(archive, image);
    assert.equal(spools().length, before.length + 1);
    await archive[Symbol.asyncDispose]();
    assert.deepEqual(spools(), before);
  });

  it('openArchive leaves nothing on disk when a gzipped file is no archive', async (test) => {
    const before = spools();
    const path = save(test, zlib.gzipSync('not an archive'));
    await assert.rejects(openArchive(path), (error) => isGantryError(error, 'MANIFEST_INVALID'));
    assert.deepEqual(spools(), before);
  });

  it('openArchive reads a pipe', {
    skip: process.platform === 'win32' ? 'Windows has no named pipes in folders' : false,
  }, async (test) => {
    const dir = folder(test);
    const source = save(test, await tarOf(classicFiles(image, ['acme/app:1'])));
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const cat = spawn('sh', ['-c', 'exec cat "$0" > "$1"', source, pipe], { stdio: 'ignore' });
    atEnd(test, () => cat.kill());
    await sameImage(await open(test, pipe), image);
  });

  it('openArchive reads an index with all its images', async (test) => {
    const index = indexOf(image, other);
    const archive = await openFiles(
      test,
      layoutFiles([{ manifest: index, fullName: 'docker.io/acme/app:1', name: '1' }], [image, other]),
    );
    const { body } = await archive.manifests.get('acme/app:1');
    assert.ok(body.kind === 'index');
    for (const child of body.manifests) {
      assert.equal((await archive.manifests.get(child.digest)).descriptor.digest, child.digest);
    }
  });

  it('openArchive opens an index with only some of its images', async (test) => {
    const archive = await openFiles(test, layoutFiles([{ manifest: indexOf(image, other) }], [image]));
    assert.equal(await archive.manifests.resolve(other.manifest.descriptor.digest), undefined);
    await assert.rejects(archive.manifests.get(other.manifest.descriptor.digest), (error) =>
      isGantryError(error, 'MANIFEST_UNKNOWN'),
    );
  });

  it('an opened archive cannot be written to', async (test) => {
    const archive = await openFiles(test, layoutFiles([image], [image]));
    await assert.rejects(archive.manifests.put(image.manifest), (error) =>
      isGantryError(error, 'UNSUPPORTED'),
    );
  });

  it('an opened archive reads a part of a blob', async (test) => {
    const archive = await openFiles(test, layoutFiles([image], [image]));
    const content = archive.blobs.open(digestOf(image.config));
    const part = await collect(content.open({ from: 2, to: 9 }), { limit: 100, what: 'part' });
    assert.deepEqual(part, image.config.subarray(2, 9));
  });

  it('an opened archive refuses a blob with changed bytes', async (test) => {
    const [[digest, bytes] = []] = [...image.blobs].slice(1);
    assert.ok(digest !== undefined && bytes !== undefined);
    const files = layoutFiles([image], [image]).map((entry) =>
      entry.name.endsWith(digestEncoded(digest)) ? file(entry.name, new Uint8Array(bytes.byteLength)) : entry,
    );
    const archive = await openFiles(test, files);
    await assert.rejects(bytesOf(archive, { mediaType: '', digest, size: bytes.byteLength }), (error) =>
      isGantryError(error, 'DIGEST_INVALID'),
    );
  });

  it('an opened archive lists referrers', async (test) => {
    const { descriptor, body } = image.manifest;
    assert.ok(body.kind === 'image');
    const archive = await openFiles(test, layoutFiles([image], [image]));
    const found: Descriptor[] = [];
    for await (const entry of archive.referrers(descriptor.digest)) found.push(entry);
    assert.deepEqual(found, []);
  });

  it('an aborted opening leaves nothing on disk', async (test) => {
    const before = spools();
    const path = save(test, zlib.gzipSync(await tarOf(classicFiles(image, null))));
    await assert.rejects(openArchive(path, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
    assert.deepEqual(spools(), before);
  });

  it('an image can be loaded again after an abort', async (test) => {
    const archive = await openFiles(test, classicFiles(image, ['acme/app:1']));
    await assert.rejects(archive.roots({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
    await sameImage(archive, image);
  });
});

describe('names in an archive', () => {
  const roots = [
    { ...image, fullName: 'docker.io/library/alpine:3', name: '3' },
    { ...other, fullName: 'ghcr.io/acme/app:1', name: '1' },
    { ...other, fullName: 'ghcr.io/acme/tool:1', name: '1' },
    { ...other, name: 'latest' },
  ];
  const files = (): readonly TarFileWithBody[] => layoutFiles(roots, [image, other]);

  for (const [reference, sample] of [
    ['docker.io/library/alpine:3', image],
    ['alpine:3', image],
    ['3', image],
    ['ghcr.io/acme/app:1', other],
    ['latest', other],
    [image.manifest.descriptor.digest, image],
    ['alpine:4', undefined],
    ['alpine', undefined],
    ['nothing', undefined],
  ] as const) {
    it(`the name ${reference} means ${sample === undefined ? 'no image' : 'an image'}`, async (test) => {
      const archive = await openFiles(test, files());
      const found = await archive.manifests.resolve(reference);
      assert.equal(found?.digest, sample?.manifest.descriptor.digest);
    });
  }

  it('a tag of several names of one image means that image', async (test) => {
    const archive = await openFiles(test, files());
    assert.equal((await archive.manifests.resolve('1'))?.digest, other.manifest.descriptor.digest);
  });

  it('a tag of several images is refused', async (test) => {
    const two = [
      { ...image, fullName: 'ghcr.io/acme/app:1', name: '1' },
      { ...other, fullName: 'ghcr.io/acme/tool:1', name: '1' },
    ];
    const archive = await openFiles(test, layoutFiles(two, [image, other]));
    await assert.rejects(archive.manifests.resolve('1'), (error) => isGantryError(error, 'MANIFEST_INVALID'));
  });

  it('the position of an image without a name is its name', async (test) => {
    const archive = await openFiles(test, layoutFiles([image, other], [image, other]));
    assert.equal((await archive.manifests.resolve('@1'))?.digest, other.manifest.descriptor.digest);
    assert.equal(await archive.manifests.resolve('@2'), undefined);
  });
});

const real = join(process.cwd(), '..', 'shared', 'data', 'alpine-docker-save.tar');

it('openArchive reads an archive of docker save', {
  skip: existsSync(real) ? false : `there is no ${real}`,
}, async (test) => {
  const archive = await open(test, real);
  const manifest = await archive.manifests.get('cog-test-fixture:alpine');
  assert.equal(
    digestOf(manifest.bytes),
    'sha256:71859b0c62df47efaeae4f93698b56a8dddafbf041778fd668bbd1ab45a864f8',
  );
  assert.ok(manifest.body.kind === 'image');
  for (const blob of [manifest.body.config, ...manifest.body.layers]) {
    assert.equal(digestOf(await bytesOf(archive, blob)), blob.digest);
  }
});
