import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { zstdSkippable, zstdStored } from '../../test/zstd.ts';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { digestEncoded } from '../spec/digest.ts';
import { blobsOf } from '../spec/manifest.ts';
import { type TarFileWithBody, tarHeader, writeTar } from '../tar/write.ts';
import {
  classicFiles,
  docker25Files,
  file,
  folder,
  layoutFiles,
  manifestJson,
  sampleImage,
  save,
  savedEntry,
  saveTar,
  tarOf,
} from './archives.test.samples.ts';
import { openArchive } from './read.ts';

/** Forms of other tools, each with its expected image. */

const image = await sampleImage('hello');
const configName = `${digestEncoded(digestOf(image.config))}.json`;
const classicLayers = ['layer0/layer.tar', 'layer1/layer.tar'];
const classic = (entry: object): readonly TarFileWithBody[] => [
  ...classicFiles(image, null).filter(({ name }) => name !== 'manifest.json'),
  file('manifest.json', [{ Config: configName, RepoTags: ['acme/app:1'], Layers: classicLayers, ...entry }]),
];
const scratch = (rootfs: object): readonly TarFileWithBody[] => [
  file('c.json', { architecture: 'amd64', os: 'linux', config: {}, rootfs }),
  file('manifest.json', [{ Config: 'c.json', RepoTags: ['acme/app:1'], Layers: null }]),
];
const blobName = (digest: string): string => `blobs/sha256/${digest.slice(7)}`;

/** The form of rules_oci for docker: blobs with an ending, and no index.json. */
function bazel(): readonly TarFileWithBody[] {
  const config = digestOf(image.config);
  const layers = [...image.blobs].filter(([digest]) => digest !== config);
  return [
    file(blobName(config), image.config),
    ...layers.map(([digest, bytes]) => file(`${blobName(digest)}.tar.gz`, bytes)),
    manifestJson(
      blobName(config),
      layers.map(([digest]) => `${blobName(digest)}.tar.gz`),
    ),
  ];
}

/** The form of jib: plain names and gzipped layers. */
function jib(): readonly TarFileWithBody[] {
  const layers = [...image.blobs].slice(1);
  return [
    file('config.json', image.config),
    ...layers.map(([digest, bytes]) => file(`${digest.slice(7)}.tar.gz`, bytes)),
    manifestJson(
      'config.json',
      layers.map(([digest]) => `${digest.slice(7)}.tar.gz`),
    ),
  ];
}

/** Makes a header with the size as GNU tar writes it from 8 GiB on. */
function largeHeader(name: string, size: number): Uint8Array {
  const block = Buffer.from(tarHeader({ name }));
  block.fill(0, 124, 136);
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(size), 128);
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

describe('archive-forms: the forms of other tools', () => {
  for (const [sentence, files, layers] of [
    ['what rules_oci writes for docker', bazel(), 2],
    ['what jib writes', jib(), 2],
    [
      'a manifest.json that lists an image once for each name',
      [
        ...classicFiles(image, null).filter(({ name }) => name !== 'manifest.json'),
        file(
          'manifest.json',
          ['acme/app:1', 'acme/app:2'].map((name) => ({
            Config: configName,
            RepoTags: [name],
            Layers: classicLayers,
          })),
        ),
      ],
      2,
    ],
    [
      'a manifest.json with keys of its own',
      classic({ LayerSources: { x: { mediaType: 'a' } }, Parent: 'b' }),
      2,
    ],
    [
      'a manifest.json with the separators of Windows',
      classic({ Layers: classicLayers.map((name) => name.replace('/', '\\')) }),
      2,
    ],
    ['an image without layers, whose config has no list of them', scratch({ type: 'layers' }), 0],
    [
      'an image without layers, whose config has null for them',
      scratch({ type: 'layers', diff_ids: null }),
      0,
    ],
    [
      'the output of buildx with two names',
      [
        ...layoutFiles(
          ['1', '2'].map((tag) => ({ ...image, fullName: `docker.io/acme/app:${tag}`, name: tag })),
          [image],
        ),
        file('manifest.json', [savedEntry(image, ['acme/app:1', 'acme/app:2'])]),
      ],
      2,
    ],
    [
      'folders that are listed twice',
      [
        { name: 'blobs/', type: 'directory' },
        ...docker25Files(image, ['acme/app:1']),
        { name: 'blobs/', type: 'directory' },
      ],
      2,
    ],
  ] as const satisfies readonly (readonly [string, readonly TarFileWithBody[], number])[]) {
    it(`gantry reads an image from ${sentence}`, async (test) => {
      await using archive = await openArchive(await saveTar(test, files));
      const [root, ...others] = await archive.roots();
      assert.ok(root);
      assert.deepEqual(others, []);
      const { body } = await archive.manifests.get('acme/app:1');
      assert.ok(body.kind === 'image');
      assert.equal(body.layers.length, layers);
      for (const blob of blobsOf(body)) {
        const bytes = await collect(archive.blobs.open(blob).open(), { limit: 2 ** 24, what: blob.digest });
        assert.equal(digestOf(bytes), blob.digest);
      }
    });
  }

  for (const [sentence, pack] of [
    ['a tar without its end', (tar: Uint8Array) => tar.subarray(0, tar.byteLength - 1024)],
    ['a tar with more behind its end', (tar: Uint8Array) => Buffer.concat([tar, Buffer.alloc(10_240, 'x')])],
    [
      'a gzip stream of two members',
      (tar: Uint8Array) => Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]),
    ],
    [
      'a gzip stream that is padded with zeros',
      (tar: Uint8Array) => Buffer.concat([gzipSync(tar), Buffer.alloc(4096)]),
    ],
  ] as const) {
    it(`gantry reads an image from ${sentence}`, async (test) => {
      await using archive = await openArchive(save(test, pack(await tarOf(classic({})))));
      assert.equal((await archive.roots()).length, 1);
    });
  }

  it('an archive with a file above 8 GiB, whose size is in base-256, is read', async (test) => {
    const size = 9 * 2 ** 30;
    const path = join(folder(test), 'large.tar');
    const handle = await open(path, 'w');
    try {
      await handle.write(largeHeader('large', size), 0, 512, 0);
      // A hole takes no space on the disk.
      const files = await tarOf(classicFiles(image, ['acme/app:1']));
      await handle.write(files, 0, files.byteLength, 512 + size);
    } finally {
      await handle.close();
    }
    await using archive = await openArchive(path);
    assert.equal((await archive.manifests.get('acme/app:1')).body.kind, 'image');
  });

  it('an image without a name is not found by the name that tools give such images', async (test) => {
    await using archive = await openArchive(await saveTar(test, classic({ RepoTags: ['<none>:<none>'] })));
    assert.deepEqual(
      archive.entries.map(({ names }) => names),
      [[]],
    );
  });
});

it('an archive with its files in a folder is refused, and the error names the command that packs it', async (test) => {
  const files = classic({}).map((entry) => ({ ...entry, name: `saved/${entry.name}` }));
  await assert.rejects(
    openArchive(await saveTar(test, files)),
    (error) => isGantryError(error, 'MANIFEST_INVALID') && error.message.includes('saved'),
  );
});

describe('compressed-archives: a compressed archive', () => {
  for (const [name, magic] of [
    ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
    ['bzip2', [0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59]],
    ['lz4', [0x04, 0x22, 0x4d, 0x18]],
    ['lzip', [0x4c, 0x5a, 0x49, 0x50, 0x01]],
    ['lzma', [0x5d, 0x00, 0x00]],
    ['compress', [0x1f, 0x9d]],
    ['zip', [0x50, 0x4b, 0x03, 0x04]],
    ['7z', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
  ] as const) {
    it(`an archive in ${name} is refused with the name of the compression and the command that unpacks it`, async (test) => {
      const path = save(test, new Uint8Array([...magic, ...new Uint8Array(600)]));
      await assert.rejects(
        openArchive(path),
        (error) =>
          isGantryError(error, 'UNSUPPORTED') &&
          error.message.includes(` ${name}`) &&
          error.message.includes(path),
      );
    });
  }

  it('an archive in zstd is read on every runtime', async (test) => {
    const tar = await collect(writeTar(classic({})), { limit: 2 ** 20, what: 'tar' });
    for (const packed of [zstdStored(tar), Buffer.concat([zstdSkippable(4), zstdStored(tar)])]) {
      await using archive = await openArchive(save(test, packed));
      assert.equal((await archive.roots()).length, 1);
    }
  });
});
