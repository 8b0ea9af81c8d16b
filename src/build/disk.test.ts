import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { isGantryError } from '../errors.ts';
import { bytesOf, listedNames, openRegularFile, pathsBelow } from './disk.ts';
import { layerTar } from './layer-tar.ts';

async function readLayer(root: string): Promise<void> {
  const content = { root, path: 'a', size: 1, mtimeMs: 0 };
  for await (const _ of layerTar([{ header: { name: 'a', size: 1 }, content }]));
}

describe('opening a file of a build', () => {
  it('A symbolic link in the place of the file is not followed.', {
    skip: process.platform === 'win32',
  }, async (test) => {
    const root = await folder(test);
    writeFileSync(join(root, 'secret'), 'secret');
    symlinkSync('secret', join(root, 'a'));
    assert.throws(
      () => openRegularFile(root, 'a'),
      (error) => isGantryError(error, 'SIZE_INVALID'),
    );
  });

  it('A pipe in the place of the file is not waited for.', {
    skip: process.platform === 'win32',
  }, async (test) => {
    const root = await folder(test);
    execFileSync('mkfifo', [join(root, 'a')]);
    await assert.rejects(readLayer(root), (error) => isGantryError(error, 'SIZE_INVALID'));
  });

  it('A file or a folder that is gone meanwhile has changed, and so has a folder with a file in its place.', async (test) => {
    const root = await folder(test);
    for (const list of [() => listedNames(root, 'a'), () => listedNames(root, 'b')]) {
      writeFileSync(join(root, 'b'), '');
      assert.throws(list, (error) => isGantryError(error, 'SIZE_INVALID'));
    }
    assert.throws(
      () => openRegularFile(root, 'a'),
      (error) => isGantryError(error, 'SIZE_INVALID'),
    );
  });
});

it('A file above its limit is refused with both sizes, and something that is no file counts as absent.', async (test) => {
  const root = await folder(test);
  writeFileSync(join(root, 'a'), '12345');
  assert.equal(bytesOf(root, 'a', 5)?.byteLength, 5);
  assert.throws(() => bytesOf(root, 'a', 4), { code: 'TOO_LARGE', expected: 4, actual: 5 });
  symlinkSync('a', join(root, 'link'));
  assert.deepEqual(
    [bytesOf(root, 'link', 9), bytesOf(root, '', 9), bytesOf(root, 'b', 9)],
    [undefined, undefined, undefined],
  );
});

it('Of the paths that a build leaves out, only those below its folder count.', async (test) => {
  const root = await folder(test);
  const paths = [
    join(root, 'a', 'b'),
    join(root, '..', 'other'),
    `${root}-2`,
    root,
    join(root, 'c', '..', 'd'),
  ];
  assert.deepEqual([...pathsBelow(root, paths)], ['a/b', 'd']);
});
