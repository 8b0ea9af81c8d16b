import assert from 'node:assert/strict';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { createUploadJournal } from '../../src/client/upload-journal.ts';
import { CopyError, isGantryError } from '../../src/errors.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, giveImage, noise, read } from '../../src/testing/contract/sample.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { killed, kinds } from '../kills/killed-write.ts';
import { fill } from './fill.ts';
import { noMounts, smallDisk } from './small-disk.ts';

/** Notes of transfers that are wrong in any way: the next transfer starts anew or fails with a code, and no file is wrong. */

const layer = blobOf(noise(1_000_000));
const { digest } = layer.descriptor;
const chunk = 100_000;

interface Scene {
  readonly layout: string;
  /** The folder of the journal. */
  readonly notes: string;
  readonly registry: TestRegistry;
  /** Pushes the layout by a client of its own. */
  readonly push: () => Promise<unknown>;
  /** The first bytes of the chunks that a push sends. */
  readonly sent: () => readonly number[];
}

/** A registry that has three chunks of the layer, a note of that in a journal, and the layout on its disk. */
async function interrupted(test: TestContext, notes: string): Promise<Scene> {
  const layout = join(await folder(test), 'layout');
  {
    await using place = await openLayout(layout, { mode: 'write' });
    await giveImage(place, { layers: [layer] }, '1');
    await place.commit();
  }
  const state = { left: 3, isBroken: true };
  const registry = await startRegistry({
    faults: [
      {
        when: ({ operation }) => operation?.kind === 'upload.append' && state.isBroken && state.left-- === 0,
        effect: { cut: { of: 'request', after: 0 } },
      },
    ],
  });
  atEnd(test, () => registry[Symbol.asyncDispose]());
  const push = async (): Promise<unknown> => {
    await using client = createClient({
      keychain: async () => undefined,
      retry: { uploads: { attempts: 1 } },
      upload: {
        chunkSize: chunk,
        chunkThreshold: chunk,
        journal: createUploadJournal(notes, { least: chunk }),
      },
    });
    return await client.push(layout, `${registry.host}/app:1`);
  };
  await assert.rejects(push(), CopyError);
  state.isBroken = false;
  const before = registry.requests.length;
  const sent = (): readonly number[] =>
    registry.requests
      .slice(before)
      .filter(({ operation }) => operation?.kind === 'upload.append')
      .map(({ headers }) => Number.parseInt(headers['content-range']?.[0] ?? '', 10));
  return { layout, notes, registry, push, sent };
}

async function noteOf({ notes }: Scene): Promise<string> {
  const [name = '', ...others] = await readdir(notes);
  assert.deepEqual(others, []);
  return join(notes, name);
}

async function isThere({ registry }: Scene): Promise<boolean> {
  const { blobs, manifests } = registry.registry.repository('app');
  if ((await manifests.resolve('1')) === undefined) return false;
  return Buffer.from(await read(blobs.open(digest))).equals(layer.bytes);
}

describe('a note of an upload', () => {
  it('bad-journal: a push of the same layout continues by a right note', async (test) => {
    const scene = await interrupted(test, join(await folder(test), 'notes'));
    await scene.push();
    assert.equal(scene.sent()[0], 3 * chunk);
    assert.ok(await isThere(scene));
  });

  const changes: readonly (readonly [what: string, change: (text: string, host: string) => string])[] = [
    ['of another version', (text) => text.replace('"version":1', '"version":2')],
    ['that is cut off', (text) => text.slice(0, text.length / 2)],
    ['without bytes', () => ''],
    ['that is no text', () => '\0\xff'.repeat(100)],
    ['with the address of a foreign host', (text, host) => text.replace(/(@https?:\/\/)[^/]+/, `$1${host}`)],
  ];
  for (const [what, change] of changes) {
    it(`bad-journal: a push with a note ${what} starts the upload anew and asks no other host`, async (test) => {
      await using foreign = await startRegistry();
      const scene = await interrupted(test, join(await folder(test), 'notes'));
      const path = await noteOf(scene);
      const text = await readFile(path, 'utf8');
      const changed = change(text, foreign.host);
      assert.notEqual(changed, text);
      await writeFile(path, changed, 'latin1');
      await scene.push();
      assert.equal(scene.sent()[0], 0);
      assert.ok(await isThere(scene));
      assert.deepEqual(foreign.requests, []);
      assert.deepEqual(await readdir(scene.notes), []);
    });
  }

  it('bad-journal: a push of a file that has changed since its note fails with DIGEST_INVALID, and the registry keeps nothing', async (test) => {
    const scene = await interrupted(test, join(await folder(test), 'notes'));
    const path = join(scene.layout, 'blobs', 'sha256', digest.slice('sha256:'.length));
    const changed = layer.bytes.map((byte, at) => (at < 500_000 ? byte : byte ^ 1));
    await writeFile(path, changed);
    await assert.rejects(scene.push(), (error) => isGantryError(error, 'DIGEST_INVALID'));
    assert.equal(await scene.registry.registry.repository('app').blobs.stat(digest), undefined);
    assert.equal(await isThere(scene), false);
  });

  it('bad-journal: a push of a file that was cut off since its note fails, and the registry keeps nothing', async (test) => {
    const scene = await interrupted(test, join(await folder(test), 'notes'));
    await truncate(join(scene.layout, 'blobs', 'sha256', digest.slice('sha256:'.length)), 500_000);
    await assert.rejects(scene.push(), (error) => isGantryError(error, 'SIZE_INVALID'));
    assert.equal(await isThere(scene), false);
  });

  it('bad-journal: a push whose journal is on a full disk succeeds without a note', {
    skip: noMounts,
  }, async (test) => {
    const disk = smallDisk(test, '192k');
    const scene = await interrupted(test, join(disk, 'notes'));
    const path = await noteOf(scene);
    await rm(path);
    await fill(disk);
    await scene.push();
    assert.ok(await isThere(scene));
    assert.deepEqual(await readdir(scene.notes), []);
  });
});

describe('the file of a killed pull', () => {
  for (const kind of kinds) {
    it(`bad-journal: a file in the ${kind.name} of a killed process on a full disk is NO_SPACE and no image, and a later pull brings the image`, {
      skip: noMounts,
    }, async (test) => {
      const disk = smallDisk(test, '12m');
      const path = join(disk, 'image');
      const blob = blobOf(noise(4 * 1024 * 1024));
      const served = createMemoryRegistry();
      await giveImage(served.repository('app'), { layers: [blob] }, '1');
      await using registry = await startRegistry({ registry: served });
      await using client = createClient({ keychain: async () => undefined });
      const pull = (): Promise<unknown> =>
        client.pull([`${registry.host}/app:1`], path, kind.name === 'layout' ? { format: 'oci' } : {});
      await killed(kind, path, [blob.bytes.byteLength], 3 * 1024 * 1024);
      const filler = await fill(disk);
      await assert.rejects(pull(), (error) => isGantryError(error, 'NO_SPACE'));
      await assert.rejects(kind.reopen(path));
      await rm(filler);
      await pull();
      await using image = await kind.reopen(path);
      assert.ok(Buffer.from(await read(image.blobs.open(blob.descriptor))).equals(blob.bytes));
    });
  }
});
