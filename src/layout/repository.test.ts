import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { blobPath } from '../blobfile/blob-file.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import {
  blobOf,
  emptyConfig,
  failsWith,
  give,
  giveImage,
  indexOf,
  listOf,
  read,
} from '../testing/contract/sample.ts';
import { repositoryContract } from '../testing/contract.ts';
import { type LayoutRepository, openLayout } from './repository.ts';

/** A path without a file. */
async function newPath(test: TestContext): Promise<string> {
  return join(await folder(test), 'images', 'app');
}

repositoryContract(
  'layout',
  async (test) => {
    const folder = await mkdtemp(join(tmpdir(), 'gantry-layout-'));
    const repository = await openLayout(join(folder, 'image'), { mode: 'write' });
    atEnd(test, async () => {
      await repository[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });
    return repository;
  },
  { mounts: false, mountsFromAny: false },
);

async function writeTo(path: string, task: (layout: LayoutRepository) => Promise<void>): Promise<void> {
  await using layout = await openLayout(path, { mode: 'write' });
  await task(layout);
  await layout.commit();
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => relative(path, join(entry.parentPath, entry.name))).sort();
}

async function indexOfLayout(path: string): Promise<{ manifests: (Descriptor & Record<string, unknown>)[] }> {
  return JSON.parse(await readFile(join(path, 'index.json'), 'utf8'));
}

const refName = 'org.opencontainers.image.ref.name';

describe('a layout that is written', () => {
  it('index.json is replaced as a whole, with its other members, and a reader cannot replace it', async (test) => {
    const path = await newPath(test);
    const layers = [blobOf('layer')];
    await writeTo(path, async (layout) => {
      const image = await giveImage(layout, { layers }, 'v1');
      const index = indexOf([{ ...image.descriptor, annotations: { [refName]: 'v2' } }]);
      await layout.replaceIndex(index);
    });
    const { manifests } = await indexOfLayout(path);
    assert.deepEqual(
      manifests.map(({ annotations }) => annotations),
      [{ [refName]: 'v2' }],
    );
    const reader = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(reader.tags.list()), ['v2']);
    await failsWith(reader.replaceIndex(await reader.index()), 'UNSUPPORTED');
  });

  it('a committed layout is visible to readers, with nothing beside it', async (test) => {
    const path = await newPath(test);
    const layer = blobOf('layer');
    await writeTo(path, async (layout) => void (await giveImage(layout, { layers: [layer] }, 'v1')));
    const reader = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(reader.tags.list()), ['v1']);
    assert.deepEqual(await read(reader.blobs.open(layer.descriptor)), layer.bytes);
    assert.deepEqual(JSON.parse(await readFile(join(path, 'oci-layout'), 'utf8')), {
      imageLayoutVersion: '1.0.0',
    });
    const names = (await filesIn(path)).filter((file) => !file.startsWith('blobs'));
    assert.deepEqual(names, ['index.json', 'oci-layout']);
  });

  it('a new layout without a commit is removed with its folders', async (test) => {
    const path = await newPath(test);
    {
      await using layout = await openLayout(path, { mode: 'write' });
      await giveImage(layout, { layers: [blobOf('layer')] }, 'v1');
      await (await layout.blobs.start()).append(blobOf('half').content);
    }
    assert.deepEqual(await readdir(join(path, '../..')), []);
  });

  it('an existing layout without a commit stays as it was', async (test) => {
    const path = await newPath(test);
    await writeTo(path, async (layout) => void (await giveImage(layout, {}, 'v1')));
    const before = await filesIn(path);
    const index = await readFile(join(path, 'index.json'));
    {
      await using layout = await openLayout(path, { mode: 'write' });
      await giveImage(layout, { layers: [blobOf('new')] }, 'v1', 'v2');
      await layout.manifests.delete((await layout.roots())[0]?.digest ?? emptyConfig.descriptor.digest);
      await layout.blobs.delete(emptyConfig.descriptor.digest);
    }
    assert.deepEqual(await filesIn(path), before);
    assert.deepEqual(await readFile(join(path, 'index.json')), index);
  });

  it('an empty folder stays when nothing was committed', async (test) => {
    const path = await newPath(test);
    await mkdir(path, { recursive: true });
    {
      await using layout = await openLayout(path, { mode: 'write' });
      await give(layout, emptyConfig);
    }
    assert.deepEqual(await readdir(path), []);
  });

  it('any text is a name in a layout, except the empty one and a digest', async (test) => {
    const path = await newPath(test);
    const names = ['ghcr.io/acme/app:v1', 'v1', 'with space', 'ünï'];
    await writeTo(path, async (layout) => {
      const manifest = await giveImage(layout, {}, ...names);
      for (const name of ['', manifest.descriptor.digest]) {
        await failsWith(layout.manifests.put(manifest, { tags: [name] }), 'INVALID_REFERENCE');
      }
    });
    const reader = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(reader.tags.list()), names);
    assert.ok(await reader.manifests.resolve('ghcr.io/acme/app:v1'));
  });

  it('a commit lists untagged manifests that no other manifest names, and not their children', async (test) => {
    const path = await newPath(test);
    let expected: Descriptor[] = [];
    await writeTo(path, async (layout) => {
      const child = await giveImage(layout, { annotations: { a: 'child' } });
      const alone = await giveImage(layout, { annotations: { an: 'only one' } });
      const index = indexOf([child.descriptor]);
      await layout.manifests.put(index);
      expected = [alone.descriptor, index.descriptor];
    });
    const reader = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await reader.roots(), expected);
  });

  it('a commit keeps the fields that other tools wrote into index.json', async (test) => {
    const path = await newPath(test);
    await writeTo(path, async (layout) => void (await giveImage(layout, {}, 'moves', 'stays')));
    const json = await indexOfLayout(path);
    const [moves, stays] = json.manifests;
    const theirs = {
      ...stays,
      'x-unknown': [1],
      annotations: { ...stays?.annotations, 'com.example': 'kept' },
    };
    await writeFile(
      join(path, 'index.json'),
      JSON.stringify({ ...json, manifests: [moves, theirs], annotations: { top: 'kept' }, 'x-top': true }),
    );
    await writeTo(
      path,
      async (layout) => void (await giveImage(layout, { annotations: { n: '2' } }, 'moves')),
    );
    const after = await indexOfLayout(path);
    const { manifests, ...top } = after;
    assert.deepEqual(top, {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      annotations: { top: 'kept' },
      'x-top': true,
    });
    assert.deepEqual(manifests[1], theirs);
    assert.deepEqual(
      manifests.map((entry) => entry.annotations?.[refName]),
      ['moves', 'stays'],
    );
    assert.notEqual(manifests[0]?.digest, moves?.digest);
  });

  it('the commit removes deleted content', async (test) => {
    const path = await newPath(test);
    const layer = blobOf('layer');
    let manifest: Descriptor = emptyConfig.descriptor;
    await writeTo(path, async (layout) => {
      manifest = (await giveImage(layout, { layers: [layer] }, 'v1')).descriptor;
    });
    await writeTo(path, async (layout) => {
      await layout.manifests.delete(manifest.digest);
      await layout.blobs.delete(layer.descriptor.digest);
      assert.ok((await readFile(blobPath(path, layer.descriptor.digest))).equals(layer.bytes));
    });
    assert.deepEqual((await indexOfLayout(path)).manifests, []);
    assert.deepEqual(
      await filesIn(path),
      ['index.json', 'oci-layout', relative(path, blobPath(path, emptyConfig.descriptor.digest))].sort(),
    );
  });

  it('a manifest stays when its only tag is deleted', async (test) => {
    const path = await newPath(test);
    await writeTo(path, async (layout) => void (await giveImage(layout, {}, 'v1')));
    await writeTo(path, async (layout) => void (await layout.tags.delete('v1')));
    const reader = await openLayout(path, { mode: 'read' });
    assert.equal((await reader.roots()).length, 1);
    assert.deepEqual(await listOf(reader.tags.list()), []);
  });

  it('a layout has one writer at a time', async (test) => {
    const path = await newPath(test);
    await using first = await openLayout(path, { mode: 'write' });
    await failsWith(openLayout(path, { mode: 'write' }), 'IN_USE');
    const waiting = openLayout(path, { mode: 'write', wait: 60_000 });
    await giveImage(first, {}, 'v1');
    await first.commit();
    await first[Symbol.asyncDispose]();
    await using second = await waiting;
    assert.deepEqual(await listOf(second.tags.list()), ['v1']);
  });

  it('a second writer waits for the first, also while the folder is removed', async (test) => {
    const path = await newPath(test);
    const first = await openLayout(path, { mode: 'write' });
    const waiting = openLayout(path, { mode: 'write', wait: 60_000 });
    await first[Symbol.asyncDispose]();
    await using second = await waiting;
    const upload = await second.blobs.start();
    // A second disposal must not affect the next writer.
    await first[Symbol.asyncDispose]();
    await upload.commit(emptyConfig.descriptor.digest, emptyConfig.content);
    await giveImage(second, {}, 'v1');
    await second.commit();
    const reader = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(reader.tags.list()), ['v1']);
  });

  it('a writer takes a layout over from a killed one, and removes its unfinished files', async (test) => {
    const path = await newPath(test);
    const code = `
      const { openLayout } = await import(${JSON.stringify(new URL('./repository.js', import.meta.url).href)});
      const { bytesContent } = await import(${JSON.stringify(new URL('../flow/content.js', import.meta.url).href)});
      const layout = await openLayout(${JSON.stringify(path)}, { mode: 'write' });
      await (await layout.blobs.start()).append(bytesContent(new Uint8Array(1000)));
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'inherit' });
    await new Promise((resolve) => child.once('exit', resolve));
    await failsWith(openLayout(path, { mode: 'read' }), 'MANIFEST_INVALID');
    await writeFile(join(path, `index.json.${crypto.randomUUID()}.tmp`), 'half');
    await writeTo(path, async (layout) => void (await giveImage(layout, {}, 'v1')));
    const names = (await filesIn(path)).filter((file) => !file.startsWith('blobs'));
    assert.deepEqual(names, ['index.json', 'oci-layout']);
  });
});
