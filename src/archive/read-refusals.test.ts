import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isGantryError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { digestEncoded } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { TarFileWithBody } from '../tar/write.ts';
import {
  classicFiles,
  file,
  folder,
  indexOf,
  layoutFiles,
  manifestJson,
  manifestOf,
  sampleImage,
  save,
  saveTar,
  tarOf,
  v1Files,
} from './archives.test.samples.ts';
import { openArchive } from './read.ts';

const image = await sampleImage('hello');

/** Returns the error of opening the archive or of reading its images. */
async function openAll(path: string): Promise<void> {
  await using archive = await openArchive(path);
  await archive.roots();
}

const without = (files: readonly TarFileWithBody[], name: string): readonly TarFileWithBody[] =>
  files.filter((entry) => !entry.name.includes(name));
const topLayer = digestEncoded([...image.blobs.keys()].at(-1) ?? digestOf(image.config));

describe('openArchive, or the first use of an image,', () => {
  for (const [sentence, code, files] of [
    ['a tar that is no image', 'MANIFEST_INVALID', [file('a', 'b')]],
    ['an empty tar', 'MANIFEST_INVALID', []],
    ['an archive of no images', 'MANIFEST_INVALID', [file('manifest.json', [])]],
    ['a manifest.json that is no JSON', 'MANIFEST_INVALID', [file('manifest.json', '<html>')]],
    ['a manifest.json of another shape', 'MANIFEST_INVALID', [file('manifest.json', { Config: 'a' })]],
    ['a repositories file of another shape', 'MANIFEST_INVALID', [file('repositories', '["a"]')]],
    ['an index.json of another shape', 'MANIFEST_INVALID', [file('index.json', '{"schemaVersion":2}')]],
    ['an index.json that is an image', 'MANIFEST_INVALID', [file('index.json', image.manifest.bytes)]],
    ['a missing layer', 'BLOB_UNKNOWN', without(classicFiles(image, null), 'layer1/layer.tar')],
    [
      'a missing config',
      'BLOB_UNKNOWN',
      without(classicFiles(image, null), digestEncoded(digestOf(image.config))),
    ],
    ['a missing layer of an OCI image', 'BLOB_UNKNOWN', without(layoutFiles([image], [image]), topLayer)],
    [
      'a missing layer of a child',
      'BLOB_UNKNOWN',
      without(layoutFiles([{ manifest: indexOf(image) }], [image]), topLayer),
    ],
    [
      'a missing manifest',
      'MANIFEST_UNKNOWN',
      without(layoutFiles([image], [image]), digestEncoded(image.manifest.descriptor.digest)),
    ],
    ['a missing layer of old', 'BLOB_UNKNOWN', without(v1Files(image), 'id0/layer.tar')],
    ['a missing parent', 'BLOB_UNKNOWN', without(v1Files(image), 'id0/')],
    [
      'layers that are their own parents',
      'MANIFEST_INVALID',
      [file('a/json', { parent: 'a' }), file('a/layer.tar', ''), file('repositories', { x: { y: 'a' } })],
    ],
    [
      'links that form a circle',
      'MANIFEST_INVALID',
      [
        { name: 'a', type: 'symlink', linkname: 'b' },
        { name: 'b', type: 'symlink', linkname: 'a' },
        file('c', '{}'),
        manifestJson('c', ['a']),
      ],
    ],
    [
      'a link that leads out',
      'MANIFEST_INVALID',
      [
        { name: 'a/layer.tar', type: 'symlink', linkname: '../../etc/passwd' },
        file('c', '{}'),
        manifestJson('c', ['a/layer.tar']),
      ],
    ],
    [
      'a link without a target',
      'MANIFEST_INVALID',
      [{ name: 'a', type: 'symlink', linkname: 'b' }, file('c', '{}'), manifestJson('c', ['a'])],
    ],
    [
      'a layer that is a folder',
      'BLOB_UNKNOWN',
      [{ name: 'a', type: 'directory' }, file('c', '{}'), manifestJson('c', ['a'])],
    ],
    ['a layer outside', 'MANIFEST_INVALID', [file('c', '{}'), manifestJson('c', ['../../etc/passwd'])]],
    ['an absolute layer', 'MANIFEST_INVALID', [file('c', '{}'), manifestJson('c', ['/etc/passwd'])]],
    [
      'a blob of another size',
      'SIZE_INVALID',
      layoutFiles([image], [image]).map((entry) =>
        entry.name.endsWith(topLayer) ? file(entry.name, 'x') : entry,
      ),
    ],
  ] as const satisfies readonly (readonly [string, string, readonly TarFileWithBody[]])[]) {
    it(`${sentence} is refused`, async (test) => {
      const path = await saveTar(test, files);
      await assert.rejects(
        openAll(path),
        (error) => isGantryError(error, code) && error.message.includes(path),
      );
    });
  }

  for (const [sentence, code, change] of [
    ['a file of text', 'MANIFEST_INVALID', () => new TextEncoder().encode('hello '.repeat(500))],
    ['an empty file', 'MANIFEST_INVALID', () => new Uint8Array(0)],
    ['an archive that is cut off', 'SIZE_INVALID', (bytes: Uint8Array) => bytes.subarray(0, 3000)],
    [
      'a truncated gzipped archive',
      'DIGEST_INVALID',
      (bytes: Uint8Array) => gzipSync(bytes).subarray(0, 300),
    ],
  ] as const) {
    it(`${sentence} is refused`, async (test) => {
      const path = save(test, change(await tarOf(classicFiles(image, null))));
      await assert.rejects(
        openArchive(path),
        (error) => isGantryError(error, code) && error.message.includes(path),
      );
    });
  }

  it('a missing file is refused', async (test) => {
    const path = join(folder(test), 'none.tar');
    await assert.rejects(openArchive(path), (error) => isGantryError(error, 'NAME_UNKNOWN'));
  });

  it('endlessly nested indexes are refused', async (test) => {
    const indexes = [indexOf(image)];
    for (let depth = 0; depth < 10; depth++) {
      indexes.push(
        manifestOf(MediaType.ociIndex, { manifests: indexes.slice(-1).map(({ descriptor }) => descriptor) }),
      );
    }
    const files = layoutFiles(indexes.map((manifest) => ({ manifest })).toReversed(), [image]);
    await assert.rejects(openAll(await saveTar(test, files)), (error) =>
      isGantryError(error, 'MANIFEST_INVALID'),
    );
  });

  it('a folder is refused', async (test) => {
    await assert.rejects(openArchive(folder(test)), (error) => isGantryError(error, 'MANIFEST_INVALID'));
  });

  it('a manifest with changed bytes is refused', async (test) => {
    const { digest, size } = image.manifest.descriptor;
    const files = layoutFiles([image], [image]).map((entry) =>
      entry.name.endsWith(digestEncoded(digest)) ? file(entry.name, ' '.repeat(size)) : entry,
    );
    await assert.rejects(openAll(await saveTar(test, files)), (error) =>
      isGantryError(error, 'DIGEST_INVALID'),
    );
  });
});

describe('the first use of an image in a docker archive', () => {
  for (const [sentence, code, files] of [
    [
      'a layer that is not in its config',
      'DIGEST_INVALID',
      classicFiles(image, null).map((entry) =>
        entry.name === 'layer1/layer.tar' ? file(entry.name, 'other') : entry,
      ),
    ],
    [
      'a config with fewer layers',
      'MANIFEST_INVALID',
      [file('a', ''), file('c', { rootfs: { type: 'layers', diff_ids: [] } }), manifestJson('c', ['a'])],
    ],
    ['a config that is none', 'MANIFEST_INVALID', [file('a', ''), file('c', '[]'), manifestJson('c', ['a'])]],
    [
      'a gzipped layer that is damaged',
      'DIGEST_INVALID',
      [
        file('a', gzipSync('hello').subarray(0, 15)),
        file('c', { rootfs: { type: 'layers', diff_ids: [digestOf(image.config)] } }),
        manifestJson('c', ['a']),
      ],
    ],
  ] as const satisfies readonly (readonly [string, string, readonly TarFileWithBody[]])[]) {
    it(`${sentence} is refused`, async (test) => {
      const path = await saveTar(test, files);
      await using archive = await openArchive(path);
      await assert.rejects(
        archive.roots(),
        (error) => isGantryError(error, code) && error.message.includes(path),
      );
    });
  }
});
