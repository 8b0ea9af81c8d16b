import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { collectGarbage } from '../../src/disk/garbage.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { isGantryError } from '../../src/errors.ts';
import { giveImage, imageOf, listOf } from '../../src/testing/contract/sample.ts';
import { plants } from './plants.ts';
import { newStore } from './server.ts';

const image = imageOf({});
const marker = 'gantry store 1\n';

async function filled(test: TestContext): Promise<string> {
  const store = await newStore(test);
  await using registry = await openDiskRegistry(store);
  await registry.secret();
  await giveImage(registry.repository('a'), {}, 'v1');
  return store;
}

async function serves(store: string): Promise<void> {
  await using registry = await openDiskRegistry(store);
  assert.deepEqual(await registry.repository('a').manifests.resolve('v1'), image.descriptor);
  assert.equal((await registry.secret()).byteLength, 32);
}

/** The three ways to open a store, each of which has to name the file at fault. */
const openings: readonly (readonly [name: string, open: (store: string) => Promise<unknown>])[] = [
  ['serve', serves],
  ['check', checkStore],
  ['gc', (store) => listOf(collectGarbage(store))],
];

async function refuses(store: string, path: string): Promise<void> {
  for (const [name, open] of openings) {
    const error: unknown = await open(store).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(isGantryError(error, 'IO_FAILED'), `${name} does not refuse ${path}`);
    assert.ok(error.message.startsWith(path), `${name} does not name the file: ${error.message}`);
    assert.ok(error.message.includes('move'), `${name} names no next step: ${error.message}`);
  }
}

describe('the marker of a store', { skip: process.platform === 'win32' && 'links need rights' }, () => {
  for (const [name, text] of [
    ['empty', ''],
    ['cut off', marker.slice(0, 7)],
    ['cut off and full of zeros', `${marker.slice(0, 7)}${'\0'.repeat(8)}`],
  ] as const) {
    it(`damaged-marker: a marker that is ${name} is a finding of check, and the next start repairs it`, async (test) => {
      const store = await filled(test);
      await writeFile(join(store, 'gantry-store'), text);
      const { findings } = await checkStore(store);
      assert.deepEqual(
        findings.map(({ kind, subject }) => [kind, subject]),
        [['damaged', 'gantry-store']],
      );
      await listOf(collectGarbage(store));
      await serves(store);
      assert.equal(await readFile(join(store, 'gantry-store'), 'utf8'), marker);
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }

  it('damaged-marker: a start repairs an empty marker in a folder that has nothing else', async (test) => {
    const store = await newStore(test);
    await mkdir(store);
    await writeFile(join(store, 'gantry-store'), '');
    await (await openDiskRegistry(store))[Symbol.asyncDispose]();
    assert.equal(await readFile(join(store, 'gantry-store'), 'utf8'), marker);
  });

  it('damaged-marker: an empty marker in a folder with other files is refused', async (test) => {
    const store = await newStore(test);
    await mkdir(store);
    await writeFile(join(store, 'letter.txt'), 'Dear');
    await writeFile(join(store, 'gantry-store'), '');
    await refuses(store, join(store, 'gantry-store'));
  });

  it('damaged-marker: a marker with other content is refused', async (test) => {
    const store = await filled(test);
    await writeFile(join(store, 'gantry-store'), 'gantry st0re 1\n');
    await refuses(store, join(store, 'gantry-store'));
  });

  for (const [what, plant] of plants) {
    it(`damaged-marker: ${what} in the place of the marker is refused until it is moved away`, async (test) => {
      const store = await filled(test);
      const path = join(store, 'gantry-store');
      await rm(path);
      await plant(path);
      await refuses(store, path);
      await rm(path, { recursive: true });
      await serves(store);
    });
  }
});

describe('the other files that a start reads', {
  skip: process.platform === 'win32' && 'links need rights',
}, () => {
  for (const [what, plant] of plants) {
    it(`damaged-secret: ${what} in the place of the secret does not keep a store from starting`, async (test) => {
      const store = await filled(test);
      await rm(join(store, 'secret'));
      await plant(join(store, 'secret'));
      await serves(store);
    });
  }

  for (const [what, plant] of plants.filter(([what]) => /folder|pipe/.test(what))) {
    it(`damaged-lock: ${what} in the place of the lock is refused with the name of the file`, async (test) => {
      const store = await filled(test);
      for (const [lock, open] of [
        ['.gantry.lock', serves],
        ['.gantry.gc.lock', (store: string) => listOf(collectGarbage(store))],
      ] as const) {
        const path = join(store, lock);
        await plant(path);
        await assert.rejects(open(store), (error: unknown) => {
          assert.ok(isGantryError(error, 'IO_FAILED'));
          assert.ok(error.message.startsWith(path) && error.message.includes('move it away'), error.message);
          return true;
        });
        await rm(path, { recursive: true });
        await open(store);
      }
    });
  }
});
