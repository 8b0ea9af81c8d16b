import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { isGantryError } from '../errors.ts';
import { openRegularFile } from './disk.ts';
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

  it('A file that is gone meanwhile has changed.', async (test) => {
    const root = await folder(test);
    assert.throws(
      () => openRegularFile(root, 'a'),
      (error) => isGantryError(error, 'SIZE_INVALID'),
    );
  });
});
