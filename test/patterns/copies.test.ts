import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DockerImage, parseManifestJson } from '../../src/archive/docker.ts';
import { distinctNames } from '../../src/archive/names.ts';
import { sharedConfigs } from '../../src/archive/shared-configs.ts';
import type { Tarball } from '../../src/archive/tarball.ts';
import { readV1 } from '../../src/archive/v1.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createFileSystem, type FileSystem } from '../../src/image/filesystem.ts';
import { layerBetween } from '../../src/image/layer-between.ts';
import { createLayerReader } from '../../src/image/layer-changes.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { type Digest, parseDigest } from '../../src/spec/digest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { encodeBlock } from '../../src/tar/header.ts';
import { encodePax } from '../../src/tar/pax.ts';
import { readTar } from '../../src/tar/read.ts';
import { tarPadding } from '../../src/tar/write.ts';
import { growth, growthOf } from './growth.ts';

/** A file system of one layer: a file and hard links. `targetOf` names the file or the link behind each. */
function linked(count: number, targetOf: (at: number) => string): FileSystem {
  const fileSystem = createFileSystem();
  const reader = createLayerReader('layer', fileSystem.tree.paths);
  reader.add({ ...plain, name: 'a', type: 'file' });
  for (let at = 0; at < count; at++)
    reader.add({ ...plain, name: `l${at}`, type: 'link', linkname: targetOf(at) });
  const faults = fileSystem.apply(reader.changes());
  assert.equal(faults.length, targetOf(0) === 'l1' ? count : 0);
  return fileSystem;
}

const unused = (): never => assert.fail();

/** An archive with files at these places, whose content nothing reads. */
function tarballOf(places: ReadonlyMap<string, number> = new Map()): Tarball {
  return {
    path: 'a.tar',
    find(name) {
      const offset = places.get(name);
      if (offset === undefined) return undefined;
      return { ...plain, name, type: 'file', offset };
    },
    content: unused,
    names: unused,
    read: unused,
    warn: unused,
  };
}

const numbers = { size: 0, stored: 0, offset: 0, mode: 0o644, mtime: 0, nanoseconds: 0, uid: 0, gid: 0 };
const plain = { ...numbers, uname: '', gname: '' };

const cases: Readonly<Record<string, (count: number) => void>> = {
  'the names of a file in a layer': (count) => {
    assert.equal([...linked(count, () => 'a').entries()].length, count + 1);
  },
  'a chain of hard links': (count) => {
    linked(count, (at) => (at === 0 ? 'a' : `l${at - 1}`));
  },
  'a circle of hard links': (count) => {
    linked(count, (at) => `l${(at + 1) % count}`);
  },
  'the names of a file in a flattened layer': (count) => {
    const { tree } = linked(count, () => 'a');
    const [file] = layerBetween(createFileSystem(tree.paths).tree, tree).files();
    assert.equal(file?.others.length, count);
  },
  'the names of an image of an old archive': (count) => {
    const tags = Object.fromEntries(Array.from({ length: count }, (_, at) => [`t${at}`, 'id']));
    const bytes = new TextEncoder().encode(JSON.stringify({ 'acme/app': tags }));
    assert.equal(readV1(tarballOf(), bytes, () => assert.fail())[0]?.names.length, count);
  },
  'an image that an archive lists once for each name': (count) => {
    const images = Array.from({ length: count }, (_, at) => ({
      Config: 'c',
      RepoTags: [`a:${at}`],
      Layers: [],
    }));
    const [image, ...others] = parseManifestJson(
      tarballOf(),
      new TextEncoder().encode(JSON.stringify(images)),
    );
    assert.deepEqual([image?.RepoTags.length, others], [count, []]);
  },
  'the images of an archive that is a layout, too': (count) => {
    const places = new Map<string, number>();
    const [listed, manifests, saved] = [[] as Descriptor[], new Map<Digest, Manifest>(), [] as DockerImage[]];
    for (let at = 0; at < count; at++) {
      const digest = parseDigest(`sha256:${String(at).padStart(64, '0')}`);
      const [own, config] = [
        { mediaType: 'm', digest, size: 1 },
        parseDigest(`sha512:${String(at).padStart(128, '0')}`),
      ];
      listed.push({ ...own, annotations: { 'io.containerd.image.name': `acme/app:${at}` } });
      const image = {
        kind: 'image',
        schemaVersion: 2,
        layers: [],
        config: { ...own, digest: config },
      } as const;
      manifests.set(digest, { descriptor: own, bytes: new Uint8Array(0), body: image });
      places.set(`blobs/sha512/${config.slice(7)}`, at);
      const names = [`acme/app:${at}`];
      const entry = { Config: `blobs/sha512/${config.slice(7)}`, RepoTags: names, Layers: [] };
      saved.push({ saved: entry, names, platform: async () => undefined, make: () => assert.fail() });
    }
    const shared = sharedConfigs({
      tarball: tarballOf(places),
      trees: { manifests, failures: new Map() },
      listed,
      saved,
    });
    for (const [at, { digest }] of listed.entries()) {
      assert.equal(shared.saved([at])[0], saved[at]);
      assert.equal(shared.isNameOfOther(`acme/app:${at}`, digest, [at]), false);
    }
    assert.deepEqual(shared.unlisted, []);
  },
};

/** Compares the names of one image, of which two mean the same. */
const compare = (count: number): void => {
  const names = Array.from({ length: count }, (_, at) => `acme/app:${at}`);
  assert.equal(distinctNames([...names, 'docker.io/acme/app:0']).length, count);
};

describe('growing-copies: content of many equal parts', () => {
  for (const [name, act] of Object.entries(cases)) {
    it(`Reading ${name} takes no more than three times as long for twice as many.`, () =>
      assert.equal(growth(act, 20_000), undefined));
  }

  it('Comparing the names of an image takes no more than three times as long for twice as many.', () => {
    assert.equal(growth(compare, 2_000), undefined);
  });

  it('Reading a line in the map of a sparse file takes no more than three times as long for twice the length.', async () => {
    const records = encodePax([
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.realsize', '1'],
    ]);
    const block = { name: 'a', mode: 0o644, mtime: 0, linkname: '' };
    const read = async (length: number): Promise<void> => {
      const line = new Uint8Array(length).fill(0x31);
      const tar = Buffer.concat([
        encodeBlock({ ...block, typeflag: 'x', size: records.byteLength }),
        records,
        tarPadding(records.byteLength),
        encodeBlock({ ...block, typeflag: '0', size: length }),
        line,
      ]);
      await assert.rejects(async () => {
        for await (const _ of readTar(bytesContent(tar).open()));
      });
    };
    assert.equal(await growthOf(read, 450_000), undefined);
  });
});
