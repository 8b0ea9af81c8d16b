import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { blobPath } from '../../src/blobfile/blob-file.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Digest } from '../../src/spec/digest.ts';
import { blobsOf, manifestsOf } from '../../src/spec/manifest.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { lock, noMounts, smallDisk } from '../bad-input/small-disk.ts';
import { gantry, startGantry } from '../cli/gantry.ts';
import { makeImage, makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { heldRegistry } from './held-registry.ts';

interface Scene {
  readonly client: Client;
  readonly source: string;
  readonly path: string;
  /** The files of the blobs. */
  readonly files: Readonly<Record<'index' | 'manifest' | 'config' | 'layer', string>>;
}

/** A layout that holds an index of two images. */
async function scene(test: TestContext): Promise<Scene> {
  const registry = createMemoryRegistry();
  const { digest } = await store(registry, 'app', ['1'], await makeIndex('here'));
  await store(registry, 'app', ['2'], await makeImage('another'));
  const served = await startRegistry({ registry });
  atEnd(test, () => served.close());
  const client = createClient();
  atEnd(test, () => client[Symbol.asyncDispose]());
  const source = `${served.host}/app:1`;
  const path = join(await folder(test), 'layout');
  await client.copy(source, `oci:${path}:1`);
  const { manifests } = registry.repository('app');
  const index = await manifests.get('1');
  const [child] = manifestsOf(index.body);
  assert.ok(child);
  const [config, layer] = blobsOf((await manifests.get(child.digest)).body);
  assert.ok(config && layer);
  const at = (blob: Digest): string => blobPath(path, blob);
  const files = {
    index: at(digest),
    manifest: at(child.digest),
    config: at(config.digest),
    layer: at(layer.digest),
  };
  return { client, source, path, files };
}

async function problems({ client, path }: Scene): Promise<string[]> {
  const found = await listOf(client.validate(`oci:${path}:1`));
  return found.flatMap(({ problem }) => problem ?? []);
}

const damage: Readonly<Record<string, (file: string) => Promise<void>>> = {
  'has other bytes of the same size': async (file) => {
    const bytes = await readFile(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(file, bytes);
  },
  'is cut short': (file) => truncate(file, 3),
  'is longer': (file) => writeFile(file, 'more', { flag: 'a' }),
  'is missing': (file) => rm(file),
  'is a link': async (file) => {
    await rename(file, `${file}.moved`);
    await symlink(`${file}.moved`, file);
  },
};

describe('a damaged layout', () => {
  for (const part of ['index', 'manifest', 'config', 'layer'] as const) {
    for (const [name, spoil] of Object.entries(damage)) {
      it(`damaged-layout-heals: an image whose ${part} ${name} is healed by copying and by pulling it again`, async (test) => {
        const here = await scene(test);
        const { client, source, path, files } = here;
        const [sound, entries] = [
          await readFile(files[part]),
          await readFile(join(path, 'index.json'), 'utf8'),
        ];
        for (const bring of [
          () => client.copy(source, `oci:${path}:1`),
          () => client.pull([source], path, { format: 'oci', annotateRef: true }),
        ]) {
          await spoil(files[part]);
          if (name !== 'is a link') {
            const found = await problems(here).catch((error: unknown) => [String(error)]);
            assert.notEqual(found.length, 0, 'validate finds it');
          }
          await bring();
          assert.deepEqual(await readFile(files[part]), sound);
          assert.deepEqual(await problems(here), []);
          await rm(`${files[part]}.moved`, { force: true });
        }
        assert.ok((await readFile(join(path, 'index.json'), 'utf8')).length >= entries.length);
      });
    }
  }

  it('planted-blob: a layer whose file has other bytes does not count as existing', async (test) => {
    const { client, source, files } = await scene(test);
    const other = join(await folder(test), 'layout');
    const planted = files.layer.slice(files.layer.indexOf('blobs'));
    const { length } = await readFile(files.layer);
    await mkdir(join(other, 'blobs/sha256'), { recursive: true });
    await writeFile(join(other, planted), Buffer.alloc(length, 'x'));
    await client.copy(source, `oci:${other}:1`);
    assert.deepEqual(await readFile(join(other, planted)), await readFile(files.layer));
  });

  it('validate finds a damaged layout, also given as a folder', async (test) => {
    const { path, files } = await scene(test);
    const whole = await gantry(['validate', '--tarball', path]);
    assert.deepEqual([whole.code, whole.stdout], [0, `PASS: ${path}\n`]);
    const { length } = await readFile(files.layer);
    await writeFile(files.layer, Buffer.alloc(length, 'x'));
    const found = await gantry(['validate', '--tarball', path]);
    assert.equal(found.code, 1);
    assert.match(found.stdout, /^FAIL: .*sha256:/);
  });

  it('damage of one image keeps no other one out', async (test) => {
    const { client, source, path, files } = await scene(test);
    await writeFile(files.manifest, 'nonsense');
    await client.pull([source.replace(/:1$/, ':2')], path, { format: 'oci' });
    await using layout = await openLayout(path, { mode: 'read' });
    assert.equal((await layout.roots()).length, 2);
  });

  it('blobs-of-a-killed-pull: the next copy removes the files of a killed pull at its end, even if it fails', async (test) => {
    if (process.platform === 'win32') return test.skip('Windows has no signals');
    const { client, source, path } = await scene(test);
    const before = (await readdir(path, { recursive: true })).toSorted();
    const { image, half } = await heldRegistry(test);
    for (const next of ['fails', 'ends well'] as const) {
      const reached = half();
      const child = startGantry(['pull', '--format=oci', image, path]);
      await reached;
      const config = (names: readonly string[]): boolean => names.length > before.length + 3;
      while (!config(await readdir(path, { recursive: true })))
        await new Promise((resolve) => setImmediate(resolve));
      child.kill('SIGKILL');
      await once(child, 'close');
      if (next === 'fails')
        await assert.rejects(client.copy(source.replace(/:1$/, ':none'), `oci:${path}:none`));
      else await client.copy(source, `oci:${path}:1`);
      assert.deepEqual((await readdir(path, { recursive: true })).toSorted(), before);
    }
  });
});

describe('a layout as other tools leave it', () => {
  it('layout-without-marker: a folder without oci-layout is read, and writing to it adds the file', async (test) => {
    const here = await scene(test);
    const { client, source, path } = here;
    const marker = join(path, 'oci-layout');
    await rm(marker);
    assert.deepEqual(await problems(here), []);
    const pushed = await gantry(['push', path, `${source.replace(/:1$/, '')}:pushed`]);
    assert.equal(pushed.code, 0, pushed.stderr);
    await client.copy(source, `oci:${path}:again`);
    assert.deepEqual(JSON.parse(await readFile(marker, 'utf8')), { imageLayoutVersion: '1.0.0' });
    assert.deepEqual(await problems(here), []);
  });

  it('a folder with neither is no layout, and one of an unknown version is none', async (test) => {
    const path = await folder(test);
    await using client = createClient();
    const read = (): Promise<unknown> => listOf(client.validate(`oci:${path}`));
    await assert.rejects(read, { code: 'MANIFEST_INVALID' });
    await writeFile(join(path, 'index.json'), '{"schemaVersion":2,"manifests":[]}');
    await writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}');
    await assert.rejects(read, { code: 'MANIFEST_INVALID' });
  });

  it('layout-behind-links: a folder of blobs that is a link is read and written through it', async (test) => {
    const here = await scene(test);
    const { client, source, path } = here;
    const blobs = join(await folder(test), 'blobs');
    await cp(join(path, 'blobs'), blobs, { recursive: true });
    await rm(join(path, 'blobs'), { recursive: true });
    await symlink(blobs, join(path, 'blobs'), 'dir');
    assert.deepEqual(await problems(here), []);
    await client.copy(source.replace(/:1$/, ':2'), `oci:${path}:2`);
    await using layout = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(layout.tags.list()), ['1', '2']);
    assert.equal((await layout.manifests.get('2')).body.kind, 'image');
  });

  it('layout-on-a-read-only-disk: a layout on a read-only disk is read and pushed, and a write is refused with the reason', {
    skip: noMounts,
  }, async (test) => {
    const { source, path } = await scene(test);
    const disk = smallDisk(test);
    await cp(path, join(disk, 'layout'), { recursive: true });
    lock(disk);
    const pushed = await gantry(['push', join(disk, 'layout'), source.replace(/:1$/, ':3')]);
    assert.equal(pushed.code, 0, pushed.stderr);
    const pulled = await gantry(['pull', '--format=oci', source, join(disk, 'layout')]);
    assert.equal(pulled.code, 4);
    assert.match(pulled.stderr, /the file system is read-only/);
  });
});
