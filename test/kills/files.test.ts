import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openArchive } from '../../src/archive/read.ts';
import { createArchive } from '../../src/archive/write.ts';
import { lookAt } from '../../src/files/files.ts';
import { readLockFile } from '../../src/files/lock-file.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, emptyConfig, give, imageOf, listOf, read } from '../../src/testing/contract/sample.ts';
import { folder } from '../folder.ts';
import { killedAtEveryChange, moduleAt } from './killed-at.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;
const [one, two] = [blobOf('one'), blobOf('two')];
const config = blobOf('{"os":"linux","architecture":"arm64"}');
const first = imageOf({ config, layers: [one] });
const second = imageOf({ layers: [one, two] });

async function put(to: Repository, image: Manifest, tag: string): Promise<void> {
  await give(to, config, emptyConfig, one, two);
  await to.manifests.put(image, { tags: [tag] });
  await to.commit();
}

/** The code of a process that opens `place` as `to` and puts the second image into it. */
const putting = (open: string): string => `
  const { openLayout } = await import(${moduleAt('layout/repository.js')});
  const { createArchive } = await import(${moduleAt('archive/write.js')});
  const { blobOf, emptyConfig, give, imageOf } = await import(${moduleAt('testing/contract/sample.js')});
  const [one, two] = [blobOf('one'), blobOf('two')];
  const to = await ${open};
  await give(to, emptyConfig, one, two);
  await to.manifests.put(imageOf({ layers: [one, two] }), { tags: ['acme/app:2'] });
  await to.commit();
  await to[Symbol.asyncDispose]();`;

async function isWhole(place: Repository, image: Manifest, tag: string): Promise<void> {
  const { bytes, body } = await place.manifests.get(tag);
  assert.deepEqual(Buffer.from(bytes), Buffer.from(image.bytes));
  assert(body.kind === 'image');
  for (const blob of [body.config, ...body.layers]) await read(place.blobs.open(blob));
}

const hidden = async (path: string): Promise<string[]> =>
  (await readdir(path, { recursive: true })).filter((name) => /(?:^|\/)\./.test(name)).sort();

describe('a writer that is killed before any change of the disk', { skip: noSignals }, () => {
  it('a killed writer leaves the images of a layout whole, and the next one leaves nothing hidden', async (test) => {
    const root = await folder(test);
    const at = (step: number): string => join(root, `layout-${step}`);
    const changes = await killedAtEveryChange(
      async (step) => {
        await using layout = await openLayout(at(step), { mode: 'write' });
        await put(layout, first, 'acme/app:1');
        return putting(`openLayout(${JSON.stringify(at(step))}, { mode: 'write' })`);
      },
      async (step) => {
        {
          await using layout = await openLayout(at(step), { mode: 'read' });
          await isWhole(layout, first, 'acme/app:1');
          if ((await layout.manifests.resolve('acme/app:2')) !== undefined)
            await isWhole(layout, second, 'acme/app:2');
        }
        // A writer that changes nothing removes everything that the killed one has left.
        await (await openLayout(at(step), { mode: 'write' }))[Symbol.asyncDispose]();
        assert.deepEqual(await hidden(at(step)), [], `killed before change ${step}`);
        const tags = await tagsOf(at(step));
        // The first image, and all four blobs.
        const blobs = await readdir(join(at(step), 'blobs', 'sha256'));
        assert.equal(blobs.length, tags.includes('acme/app:2') ? 6 : 5);
        await using layout = await openLayout(at(step), { mode: 'write' });
        await put(layout, second, 'acme/app:2');
        await isWhole(layout, first, 'acme/app:1');
        await isWhole(layout, second, 'acme/app:2');
      },
    );
    assert.ok(changes > 8, `${changes} changes`);
  });

  it('a killed first writer leaves a folder that is no layout or a whole one, and the next writer succeeds', async (test) => {
    const root = await folder(test);
    const at = (step: number): string => join(root, `layout-${step}`);
    const changes = await killedAtEveryChange(
      async (step) => putting(`openLayout(${JSON.stringify(at(step))}, { mode: 'write' })`),
      async (step) => {
        await using layout = await openLayout(at(step), { mode: 'write' });
        if ((await layout.manifests.resolve('acme/app:2')) !== undefined)
          await isWhole(layout, second, 'acme/app:2');
        await put(layout, second, 'acme/app:2');
        await layout[Symbol.asyncDispose]();
        assert.deepEqual(await hidden(at(step)), []);
        await using again = await openLayout(at(step), { mode: 'read' });
        await isWhole(again, second, 'acme/app:2');
      },
    );
    assert.ok(changes > 10, `${changes} changes`);
  });

  it('a killed addition leaves the archive byte for byte or with both images, and adding again succeeds', async (test) => {
    const root = await folder(test);
    const prepared = join(root, 'prepared.tar');
    {
      await using to = await createArchive(prepared, { format: 'docker' });
      await put(to, first, 'acme/app:1');
    }
    const before = await readFile(prepared);
    const at = (step: number): string => join(root, `${step}`, 'image.tar');
    const options = { format: 'docker', existing: 'add' } as const;
    const changes = await killedAtEveryChange(
      async (step) => {
        await mkdir(join(root, `${step}`));
        await copyFile(prepared, at(step));
        return putting(`createArchive(${JSON.stringify(at(step))}, ${JSON.stringify(options)})`);
      },
      async (step) => {
        const bytes = await readFile(at(step));
        if (!bytes.equals(before)) await holds(at(step), ['acme/app:1', 'acme/app:2']);
        {
          await using to = await createArchive(at(step), options);
          await put(to, second, 'acme/app:2');
        }
        await holds(at(step), ['acme/app:1', 'acme/app:2']);
        assert.deepEqual(await named(join(root, `${step}`)), ['image.tar'], `before change ${step}`);
      },
    );
    assert.ok(changes > 8, `${changes} changes`);
  });

  it('a killed writer of a new archive leaves no file of that name, and the next writer leaves only the file', async (test) => {
    const root = await folder(test);
    const at = (step: number): string => join(root, `${step}`, 'image.tar');
    const changes = await killedAtEveryChange(
      async (step) => {
        await mkdir(join(root, `${step}`));
        return putting(`createArchive(${JSON.stringify(at(step))}, { format: 'docker' })`);
      },
      async (step) => {
        if ((await lookAt(at(step))) !== undefined) await holds(at(step), ['acme/app:2']);
        {
          await using to = await createArchive(at(step), { format: 'docker' });
          await put(to, second, 'acme/app:2');
        }
        await holds(at(step), ['acme/app:2']);
        assert.deepEqual(await named(join(root, `${step}`)), ['image.tar']);
        assert.equal((await stat(at(step))).isFile(), true);
      },
    );
    assert.ok(changes > 8, `${changes} changes`);
  });
});

/** The files in the folder, except a draft whose process was killed before it wrote its name: such drafts go later. */
async function named(path: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of await readdir(path)) {
    const isDraft = name.startsWith('.gantry-draft-');
    const lock = isDraft ? await readLockFile(join(path, name, '.lock')) : undefined;
    if (!isDraft || lock?.holder !== undefined) names.push(name);
  }
  return names;
}

async function tagsOf(path: string): Promise<string[]> {
  await using layout = await openLayout(path, { mode: 'read' });
  return await listOf(layout.tags.list());
}

/** Checks that the archive has these images, and every blob of them. */
async function holds(path: string, tags: readonly string[]): Promise<void> {
  await using archive = await openArchive(path);
  for (const tag of tags) await isWhole(archive, tag === 'acme/app:1' ? first : second, tag);
}
