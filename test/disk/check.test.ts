import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { blobPath } from '../../src/blobfile/blob-file.ts';
import { checkStore } from '../../src/disk/check.ts';
import type { RepositoryFolder } from '../../src/disk/folder.ts';
import { trashPath } from '../../src/disk/trash.ts';
import { giveImage } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { filled, folderOf, image, layer, note, spoil } from './filled.ts';
import * as wire from './server.ts';

function whole(test: TestContext): Promise<string> {
  return filled(test, async (repository) => {
    await giveImage(repository, { layers: [layer] }, 'v1');
    await giveImage(repository, { subject: image.descriptor });
  });
}

describe('the check of a store', () => {
  it('the check finds nothing in a sound store, and counts everything that it read', async (test) => {
    const report = await checkStore(await whole(test));
    assert.deepEqual(report.findings, []);
    assert.deepEqual([report.repositories, report.manifests, report.tags, report.blobs], [1, 2, 1, 4]);
  });

  interface Harm {
    readonly name: string;
    readonly harm: (store: string, folder: RepositoryFolder) => Promise<unknown>;
    /** The kind and subject of each finding. */
    readonly found: readonly (readonly [kind: string, subject: string])[];
  }

  const digest = layer.descriptor.digest;
  const harms: readonly Harm[] = [
    {
      name: 'a blob with another bit, once in each repository that has it',
      harm: (store) => spoil(blobPath(store, digest)),
      found: [['damaged', digest]],
    },
    {
      name: 'a blob that was cut short, and not again that the manifest knows its size',
      harm: (_, folder) => truncate(folder.blobPath(digest), 3),
      found: [['damaged', digest]],
    },
    {
      name: 'a blob that is not there',
      harm: (_, folder) => rm(folder.blobPath(digest)),
      found: [['missing', image.descriptor.digest]],
    },
    {
      name: 'a manifest whose bytes are not there, and the tag on it',
      harm: (_, folder) => rm(folder.blobPath(image.descriptor.digest)),
      found: [
        ['damaged', image.descriptor.digest],
        ['missing', 'v1'],
      ],
    },
    {
      name: 'a tag that leads nowhere',
      harm: (_, folder) => rm(folder.manifestPath(image.descriptor.digest)),
      found: [['missing', 'v1']],
    },
    {
      name: 'a tag that is none',
      harm: (_, folder) => writeFile(folder.tagPath('v1'), 'sha256:nothing'),
      found: [['missing', 'v1']],
    },
    {
      name: 'a referrer that is not listed',
      harm: (_, folder) => rm(folder.referrerPath(image.descriptor.digest, note.descriptor.digest)),
      found: [['missing', note.descriptor.digest]],
    },
    {
      name: 'a referrer that is listed and is none',
      harm: (_, folder) =>
        writeFile(folder.referrerPath(image.descriptor.digest, image.descriptor.digest), ''),
      found: [['stray', image.descriptor.digest]],
    },
    {
      name: 'files that belong to nothing',
      harm: async (store, folder) => {
        await writeFile(join(dirname(folder.blobPath(digest)), 'notes.txt'), '');
        await writeFile(join(dirname(folder.tagPath('t')), 'notes.txt'), '');
        await writeFile(join(store, 'blobs', 'sha256', 'abc'), '');
      },
      found: [
        ['stray', 'blobs/sha256/abc'],
        ['stray', 'repositories/app/_gantry/tags/notes.txt'],
        ['stray', 'repositories/app/_layout/blobs/sha256/notes.txt'],
      ],
    },
  ];
  for (const { name, harm, found } of harms) {
    it(`the check finds ${name}`, async (test) => {
      const store = await whole(test);
      await harm(store, folderOf(store));
      const { findings } = await checkStore(store);
      const seen = findings.map(({ kind, subject }) => `${kind} ${subject.replaceAll('\\', '/')}`);
      assert.deepEqual(seen.sort(), found.map((pair) => pair.join(' ')).sort());
    });
  }

  it('registry check fails when it finds something', async (test) => {
    const store = await whole(test);
    const well = await gantry(['registry', 'check', store, '--json']);
    assert.equal(well.code, 0);
    assert.deepEqual(JSON.parse(well.stdout).findings, []);
    await rm(folderOf(store).blobPath(digest));
    const ill = await gantry(['registry', 'check', store]);
    assert.equal(ill.code, 1);
    assert.match(
      ill.stdout,
      new RegExp(`^missing: app ${image.descriptor.digest}: [^\n]*${digest}[^\n]*\n$`),
    );
    assert.equal((await gantry(['registry', 'check', store, '--sparse'])).code, 0);
    assert.equal((await gantry(['registry', 'check', dirname(store)])).code, 1);
  });

  it('check-beside-gc: the check counts content that a collection has put aside as existing, and leaves it there', async (test) => {
    const store = await whole(test);
    const folder = folderOf(store);
    const aside = trashPath(folder.state, 'blobs', digest);
    await mkdir(dirname(aside), { recursive: true });
    await rename(folder.blobPath(digest), aside);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.deepEqual(await readFile(aside), Buffer.from(layer.bytes));
    const entry = trashPath(folder.state, 'manifests', note.descriptor.digest);
    await mkdir(dirname(entry), { recursive: true });
    await rename(folder.manifestPath(note.descriptor.digest), entry);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.ok((await stat(entry)).isFile());
  });

  it('the check runs while the store is served and changed', async (test) => {
    const store = await wire.newStore(test);
    const server = await wire.serveStore(test, store);
    const pushing = wire.together(3, async (n) => {
      for (let round = 0; round < 10; round++) {
        const blobs = [wire.blobOf('{}'), wire.blobOf(randomBytes(5_000))];
        for (const blob of blobs) assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
        assert.equal(await wire.pushManifest(server.url, 'app', `t${n}`, wire.imageOf(blobs)), 201);
      }
    });
    const reports = [await checkStore(store), await checkStore(store)];
    await pushing;
    for (const { findings } of [...reports, await checkStore(store)]) assert.deepEqual(findings, []);
  });
});
