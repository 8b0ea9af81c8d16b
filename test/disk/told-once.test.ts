import assert from 'node:assert/strict';
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { bytesContent, createClient, createImage, createIndex, createLayer } from '../../src/index.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';

/** One damage of a blob that an image names twice, in two repositories, under several tags and in an index. */

const layer = createLayer(bytesContent(new TextEncoder().encode('a layer')));
const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer, layer] });
const twice = createIndex([{ image }, { image }]);
const blob = (await layer.descriptor()).digest;
const manifest = (await image.manifest()).descriptor.digest;

async function filled(test: TestContext): Promise<string> {
  const path = join(await folder(test), 'store');
  await using store = await openDiskRegistry(path);
  await using registry = await startRegistry({ registry: store });
  await using client = createClient();
  await client.pushImage(`${registry.host}/a:1`, image);
  await client.tag(`${registry.host}/a:1`, ['2']);
  await client.pushImage(`${registry.host}/b:1`, image);
  await client.pushIndex(`${registry.host}/a:index`, twice);
  return path;
}

/** Returns every file of the blob: the pool's, and those of both repositories. */
async function filesOf(store: string, digest: string): Promise<readonly string[]> {
  const name = digest.slice('sha256:'.length);
  const found = await readdir(store, { recursive: true });
  return found.filter((path) => path.endsWith(join('sha256', name))).map((path) => join(store, path));
}

interface Harm {
  readonly name: string;
  readonly digest: string;
  readonly harm: (file: string) => Promise<unknown>;
  readonly found: readonly string[];
}

const harms: readonly Harm[] = [
  {
    name: 'other bytes of a layer',
    digest: blob,
    harm: (file) => writeFile(file, 'A LAYER', { flag: 'r+' }),
    found: [`damaged a ${blob}`, `damaged b ${blob}`],
  },
  {
    name: 'a layer that is too short',
    digest: blob,
    harm: (file) => truncate(file, 1),
    found: [`damaged a ${blob}`, `damaged b ${blob}`],
  },
  {
    name: 'a layer that is not there',
    digest: blob,
    harm: (file) => rm(file),
    found: [`missing a ${manifest}`, `missing b ${manifest}`],
  },
  {
    name: 'a folder in the place of a layer',
    digest: blob,
    harm: async (file) => {
      await rm(file);
      await mkdir(file);
    },
    // Each repository has a folder of its own.
    found: [`damaged - ${blob}`, `damaged a ${blob}`, `damaged b ${blob}`],
  },
  {
    name: 'other bytes of a manifest',
    digest: manifest,
    harm: (file) => writeFile(file, '?', { flag: 'r+' }),
    found: [`damaged a ${manifest}`, `damaged b ${manifest}`],
  },
];

describe('one damage', () => {
  for (const { name, digest, harm, found } of harms) {
    it(`told-once: check reports this damage once in each repository: ${name}`, async (test) => {
      const store = await filled(test);
      for (const file of await filesOf(store, digest)) await harm(file);
      const { findings } = await checkStore(store);
      const seen = findings
        .filter(({ subject }) => subject.startsWith('sha256:'))
        .map(({ kind, repository = '-', subject }) => `${kind} ${repository} ${subject}`);
      assert.deepEqual(seen.sort(), [...found].sort());
    });
  }

  it('told-once: check reports damage of the pool alone for the pool', async (test) => {
    const store = await filled(test);
    const [pool = ''] = (await filesOf(store, blob)).filter((path) => !path.includes('repositories'));
    await rm(pool);
    await writeFile(pool, 'A LAYER');
    const { findings } = await checkStore(store);
    assert.deepEqual(
      findings.map(({ kind, repository }) => [kind, repository]),
      [['damaged', undefined]],
    );
  });

  for (const fast of [false, true]) {
    for (const name of ['a:1', 'a:index']) {
      it(`told-once: validate${fast ? ' --fast' : ''} reports one damage of ${name} once`, async (test) => {
        const path = await filled(test);
        for (const file of await filesOf(path, blob)) await rm(file);
        await using store = await openDiskRegistry(path);
        await using registry = await startRegistry({ registry: store });
        await using client = createClient();
        const findings = await listOf(client.validate(`${registry.host}/${name}`, { fast }));
        assert.equal(findings.length, 1);
        assert.ok(findings[0]?.problem?.startsWith(blob));
      });
    }
  }
});
