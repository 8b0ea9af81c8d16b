import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { zstdStored } from '../../test/zstd.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { digestEncoded } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { encodeBlock } from '../tar/header.ts';
import { encodePax } from '../tar/pax.ts';
import { type TarFileWithBody, tarPadding } from '../tar/write.ts';
import { listOf } from '../testing/contract/sample.ts';
import {
  docker25Files,
  file,
  folder,
  indexOf,
  layoutFiles,
  manifestOf,
  sampleImage,
  save,
  saveTar,
  tarOf,
  v1Files,
} from './archives.test.samples.ts';
import { openArchive } from './read.ts';
import { createArchive } from './write.ts';

const image = await sampleImage('hello');
const other = await sampleImage('other', 'arm64');

/** A layout with these entries in its index.json. */
function layout(entries: readonly object[], blobs: readonly Uint8Array[]): readonly TarFileWithBody[] {
  return [
    file('oci-layout', { imageLayoutVersion: '1.0.0' }),
    file('index.json', { schemaVersion: 2, manifests: entries }),
    ...blobs.map((bytes) => file(`blobs/sha256/${digestEncoded(digestOf(bytes))}`, bytes)),
  ];
}

/** An entry of index.json that says nothing about its content. */
const entry = (bytes: Uint8Array, name: string) => ({
  mediaType: 'application/json',
  digest: digestOf(bytes),
  size: bytes.byteLength,
  annotations: { 'org.opencontainers.image.ref.name': name },
});

describe('an unusual archive', () => {
  it('has its manifests found by their documents where index.json names another type, and keeps other content', async (test) => {
    const text = new TextEncoder().encode('{"no": "manifest"}');
    const large = new Uint8Array(5 * 2 ** 20).fill(0x20);
    const { bytes } = image.manifest;
    const path = await saveTar(
      test,
      layout(
        [entry(bytes, 'a'), entry(text, 'b'), entry(large, 'c')],
        [bytes, text, large, ...image.blobs.values()],
      ),
    );
    await using archive = await openArchive(path);
    assert.equal((await archive.manifests.get('a')).body.kind, 'image');
    for (const name of ['b', 'c']) await assert.rejects(archive.manifests.get(name), { code: /MANIFEST_/ });
  });

  it('may keep the holes of a layer, which comes whole', async (test) => {
    const name = `blobs/sha256/${digestEncoded(digestOf(image.config))}`;
    const files = docker25Files(image, ['acme/app:1']).filter((one) => one.name !== name);
    const path = await saveTar(test, files);
    const sparse = sparseFile(name, image.config);
    const tar = readFileSync(path);
    const end = tar.byteLength - 1024;
    const holes = save(
      test,
      new Uint8Array(Buffer.concat([tar.subarray(0, end), sparse, tar.subarray(end)])),
    );
    await using archive = await openArchive(holes);
    const { body } = await archive.manifests.get('acme/app:1');
    assert.ok(body.kind === 'image');
    const config = await collect(archive.blobs.open(body.config).open(), { limit: 1e6, what: 'config' });
    assert.ok(Buffer.from(config).equals(image.config));
  });

  it('tells how many names lead out of it, and shortens a long one', async (test) => {
    const stray = ['../a', '../b', `../${'c'.repeat(300)}`];
    for (const [names, warning] of [
      [stray.slice(0, 1), /"\.\.\/a" leads out of the archive, so gantry skips it$/],
      [stray, /"\.\.\/a" leads out of the archive, so gantry skips it, and 2 more$/],
      [stray.toReversed(), /"\.\.\/c{197}…" leads out/],
    ] as const) {
      const warnings: string[] = [];
      const files = docker25Files(image, ['acme/app:1']);
      const path = await saveTar(test, [...names.map((name) => file(name, '')), ...files]);
      await using _ = await openArchive(path, { onWarning: (text) => warnings.push(text) });
      assert.equal(warnings.length, 1);
      assert.match(warnings[0] ?? '', warning);
    }
  });

  it('with two files of one name is refused if they differ', async (test) => {
    const twin = file('manifest.json', [{ Config: 'x', RepoTags: [], Layers: [] }]);
    const path = await saveTar(test, [...docker25Files(image, ['acme/app:1']), twin]);
    await assert.rejects(openArchive(path), {
      code: 'MANIFEST_INVALID',
      message: /two files called manifest\.json/,
    });
  });

  it('from before Docker 1.10 without a name has no images', async (test) => {
    for (const repositories of [{}, { 'acme/app': {} }]) {
      const files = v1Files(image).filter(({ name }) => name !== 'repositories');
      const path = await saveTar(test, [...files, file('repositories', repositories)]);
      await assert.rejects(openArchive(path), {
        code: 'MANIFEST_INVALID',
        message: /repositories names no images/,
      });
    }
  });

  it('answers for a manifest that it does not have, by name, by digest and raw', async (test) => {
    await using archive = await openArchive(await saveTar(test, docker25Files(image, ['acme/app:1'])));
    const { digest } = other.manifest.descriptor;
    for (const reference of ['acme/app:2', '@7', digest]) {
      assert.equal(await archive.manifests.resolve(reference), undefined);
      await assert.rejects(archive.manifests.get(reference), { code: 'MANIFEST_UNKNOWN' });
      await assert.rejects(async () => archive.manifests.getRaw?.(reference), { code: 'MANIFEST_UNKNOWN' });
    }
    const raw = await archive.manifests.getRaw?.('acme/app:1');
    assert.equal(raw?.descriptor.digest, image.manifest.descriptor.digest);
  });

  it('with a name for two broken images gives the error of the first', async (test) => {
    const files = layoutFiles(
      [
        { manifest: image.manifest, fullName: 'acme/one:1' },
        { manifest: other.manifest, fullName: 'acme/two:1' },
      ],
      [],
    );
    await using archive = await openArchive(await saveTar(test, files));
    await assert.rejects(archive.manifests.get('1'), { code: 'BLOB_UNKNOWN' });
  });
});

/** One sparse file in a tar, stored in two pieces with a hole of no bytes between them. */
function sparseFile(name: string, content: Uint8Array): Uint8Array {
  const cut = Math.floor(content.byteLength / 2);
  const pax = encodePax([
    ['GNU.sparse.major', '0'],
    ['GNU.sparse.minor', '1'],
    ['GNU.sparse.name', name],
    ['GNU.sparse.size', String(content.byteLength)],
    ['GNU.sparse.map', `0,${cut},${cut},${content.byteLength - cut}`],
  ]);
  const block = { name: 'GNUSparseFile', mode: 0o644, mtime: 0, linkname: '' };
  return new Uint8Array(
    Buffer.concat([
      encodeBlock({ ...block, typeflag: 'x', size: pax.byteLength }),
      pax,
      tarPadding(pax.byteLength),
      encodeBlock({ ...block, typeflag: '0', size: content.byteLength }),
      content,
      tarPadding(content.byteLength),
    ]),
  );
}

describe('writing an archive', () => {
  it('is refused for an archive in another compression than gzip, which then stays', async (test) => {
    const bytes = zstdStored(await tarOf(docker25Files(image, ['acme/app:1'])));
    const path = save(test, bytes);
    await assert.rejects(createArchive(path, { format: 'docker', existing: 'add' }), {
      code: 'MANIFEST_INVALID',
      message: /it is compressed with zstd; use --replace/,
    });
    assert.ok(readFileSync(path).equals(bytes));
  });

  it('ends with IN_USE if the archive that is added to is gone meanwhile', async (test) => {
    const path = await saveTar(test, docker25Files(image, ['acme/app:1']));
    await using archive = await createArchive(path, { format: 'docker', existing: 'add' });
    rmSync(path);
    await assert.rejects(archive.commit(), { code: 'IN_USE' });
  });

  it('lists no tags before there is an image, and knows no session of another archive', async (test) => {
    const path = join(folder(test), 'image.tar');
    await using archive = await createArchive(path, { format: 'oci' });
    await assert.rejects(listOf(archive.tags.list()), { code: 'NAME_UNKNOWN' });
    await assert.rejects(archive.blobs.resume('another'), { code: 'BLOB_UPLOAD_UNKNOWN' });
  });

  it('gives docker the first image of an index that has none for the default platform', async (test) => {
    const path = join(folder(test), 'image.tar');
    await using archive = await createArchive(path, { format: 'legacy' });
    for (const [digest, bytes] of other.blobs)
      await archive.blobs.write(
        { mediaType: MediaType.octetStream, digest, size: bytes.byteLength },
        bytesContent(bytes),
      );
    await archive.manifests.put(other.manifest);
    await archive.manifests.put(indexOf(other), { tags: ['acme/app:1'] });
    await archive.commit();
    await using written = await openArchive(path);
    const { body } = await written.manifests.get('acme/app:1');
    assert.equal(body.kind === 'image' && body.config.digest, digestOf(other.config));
  });

  it('for docker is refused for an index without any image', async (test) => {
    const path = join(folder(test), 'image.tar');
    await using archive = await createArchive(path, { format: 'docker' });
    await archive.manifests.put(manifestOf(MediaType.ociIndex, { manifests: [] }), { tags: ['acme/app:1'] });
    await assert.rejects(archive.commit(), { code: 'UNSUPPORTED' });
  });
});
