import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { blobsOf } from '../spec/manifest.ts';
import { failsWith, listOf, read } from '../testing/contract/sample.ts';
import {
  classicFiles,
  craneFiles,
  docker25Files,
  file,
  folder,
  layoutFiles,
  sampleImage,
  save,
  saveTar,
  tarOf,
  v1Files,
} from './archives.test.samples.ts';
import { openFile } from './file.ts';
import { openArchive } from './read.ts';
import { createSpool } from './spool.ts';
import { createArchive } from './write.ts';

/** The same image with its layers in the other order: the lowest layers of two images differ then. */
function turned(sample: typeof image): typeof image {
  const config = JSON.parse(new TextDecoder().decode(sample.config));
  config.rootfs.diff_ids.reverse();
  return {
    ...sample,
    config: new TextEncoder().encode(JSON.stringify(config)),
    layers: sample.layers.toReversed(),
  };
}

/** Damaged archives: all content matches its digest, or the reading fails with an error of gantry. */

const image = await sampleImage('hello');
const other = await sampleImage('other', 'arm64');
const names = ['acme/app:1'];
const forms: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['Docker 25', await tarOf(docker25Files(image, names))],
  ['Docker before 25', await tarOf(classicFiles(image, names))],
  ['Docker before 1.10', await tarOf(v1Files(image))],
  ['crane', await tarOf(craneFiles(image))],
  ['other tools, as a layout,', await tarOf(layoutFiles([{ ...image, name: '1' }], [image]))],
  ['Docker 25, gzipped,', new Uint8Array(gzipSync(await tarOf(docker25Files(image, names))))],
];

/** Reads every image and blob of the archive. Throws an AssertionError for content with another digest. */
async function readAll(path: string): Promise<void> {
  await using archive = await openArchive(path);
  for (const root of await archive.roots()) {
    const { bytes, descriptor, body } = await archive.manifests.get(root.digest);
    assert.equal(digestOf(bytes), descriptor.digest);
    for (const blob of blobsOf(body))
      assert.equal(digestOf(await read(archive.blobs.open(blob))), blob.digest);
  }
}

async function readsRightOrFails(path: string): Promise<'read' | 'refused'> {
  try {
    await readAll(path);
    return 'read';
  } catch (error) {
    if (isGantryError(error)) return 'refused';
    throw error;
  }
}

describe('a damaged archive', () => {
  for (const [name, bytes] of forms) {
    it(`an archive of ${name} that was cut anywhere, or has other bytes, is read right or refused`, async (test) => {
      const path = save(test, bytes);
      assert.equal(await readsRightOrFails(path), 'read');
      const harm = fc.record({
        kind: fc.constantFrom('cut', 'zeros', 'flip'),
        at: fc.nat(bytes.byteLength - 1),
        length: fc.integer({ min: 1, max: 2000 }),
      });
      const run = async ({
        kind,
        at,
        length,
      }: {
        kind: string;
        at: number;
        length: number;
      }): Promise<void> => {
        const damaged = new Uint8Array(kind === 'cut' ? bytes.subarray(0, at) : bytes);
        if (kind === 'zeros') damaged.fill(0, at, at + length);
        if (kind === 'flip') damaged[at] = (damaged[at] ?? 0) ^ 0x10;
        writeFileSync(path, damaged);
        await readsRightOrFails(path);
        // The archive is read in its place, and nothing is left beside it.
        assert.equal(readdirSync(dirname(path)).length, 1);
      };
      await fc.assert(fc.asyncProperty(harm, run), { numRuns: 60 });
    });

    it(`an addition to an archive of ${name} that was cut in the middle is refused, and the file stays`, async (test) => {
      const path = save(test, bytes.subarray(0, bytes.byteLength >> 1));
      const before = readFileSync(path);
      await failsWith(createArchive(path, { format: 'docker', existing: 'add' }), 'MANIFEST_INVALID');
      assert.deepEqual(readFileSync(path), before);
      assert.equal(readdirSync(dirname(path)).length, 1);
    });
  }

  it('an archive that becomes shorter while it is open fails for the missing part only', async (test) => {
    const path = save(test, forms[0]?.[1] ?? new Uint8Array());
    await using archive = await openArchive(path);
    const { body } = await archive.manifests.get('acme/app:1');
    truncateSync(path, 600);
    const results = await Promise.allSettled(blobsOf(body).map((blob) => read(archive.blobs.open(blob))));
    for (const result of results) {
      assert(result.status === 'rejected' && isGantryError(result.reason));
      assert.ok(['SIZE_INVALID', 'DIGEST_INVALID'].includes(result.reason.code), result.reason.code);
    }
    assert.equal(results.length, 3);
  });

  it('an addition to a base that becomes shorter meanwhile is refused, and only the draft goes', async (test) => {
    const path = save(test, forms[0]?.[1] ?? new Uint8Array());
    {
      await using to = await createArchive(path, { format: 'docker', existing: 'add' });
      for (const [digest, bytes] of other.blobs)
        await to.blobs.write({ mediaType: '', digest, size: bytes.byteLength }, bytesContent(bytes));
      await to.manifests.put(other.manifest, { tags: ['acme/other:1'] });
      truncateSync(path, 600);
      await failsWith(to.commit(), 'IN_USE');
    }
    assert.equal(readFileSync(path).byteLength, 600);
    assert.equal(readdirSync(dirname(path)).length, 1);
  });
});

describe('the files below an archive', () => {
  it('spool-at-once: images of an archive of Docker before 25 that are read at once have their own layers', async (test) => {
    const rename = (sample: typeof image, to: string, tag: string): ReturnType<typeof classicFiles> =>
      classicFiles(sample, [tag])
        .filter(({ name }) => name !== 'manifest.json')
        .map((entry) => ({ ...entry, name: entry.name.replace(/^layer/, to) }));
    const saved = [
      [turned(image), 'one', 'acme/app:1'],
      [turned(other), 'two', 'acme/app:2'],
    ] as const;
    const list = saved.map(([sample, to, tag]) => ({
      Config: `${digestOf(sample.config).slice(7)}.json`,
      RepoTags: [tag],
      Layers: [0, 1].map((at) => `${to}${at}/layer.tar`),
    }));
    const files = saved.flatMap(([sample, to, tag]) => rename(sample, to, tag));
    const path = await saveTar(test, [...files, file('manifest.json', list)]);
    await using archive = await openArchive(path);
    const images = await Promise.all(saved.map(([, , tag]) => archive.manifests.get(tag)));
    for (const { body } of images)
      for (const blob of blobsOf(body))
        assert.equal(digestOf(await read(archive.blobs.open(blob))), blob.digest);
  });

  it('a folder and a missing file are refused as an archive', async (test) => {
    const here = folder(test);
    await failsWith(openFile(here), 'MANIFEST_INVALID');
    await failsWith(openFile(join(here, 'none')), 'NAME_UNKNOWN');
  });

  it('a spool keeps each source whole, and nothing of one that broke off', async () => {
    const broken = new Error('the source broke');
    await using spool = createSpool();
    const breaking = async function* breaking(): AsyncIterable<Uint8Array> {
      yield image.config;
      throw broken;
    };
    await assert.rejects(spool.keep(breaking()), (error) => error === broken);
    const kept = await Promise.all(
      [image.config, other.config].map((bytes) => spool.keep(bytesContent(bytes).open())),
    );
    assert.deepEqual(
      await Promise.all(kept.map((content) => read(content))),
      [image.config, other.config].map((bytes) => new Uint8Array(bytes)),
    );
    const [part] = await listOf(kept[0]?.open({ from: 2, to: 5 }) ?? bytesContent(new Uint8Array()).open());
    assert.deepEqual(new Uint8Array(part ?? []), new Uint8Array(image.config.subarray(2, 5)));
  });
});
