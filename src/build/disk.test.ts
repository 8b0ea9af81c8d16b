import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isGantryError } from '../errors.ts';
import { openRegularFile } from './disk.ts';
import { layerTar } from './layer-tar.ts';

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  test.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function readLayer(root: string): Promise<void> {
  const content = { root, path: 'a', size: 1, mtimeMs: 0 };
  for await (const _ of layerTar([{ header: { name: 'a', size: 1 }, content }]));
}

describe('opening a file of a build', () => {
  it('A symbolic link in the place of the file is not followed.', {
    skip: process.platform === 'win32',
  }, (test) => {
    const root = folder(test);
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
    const root = folder(test);
    execFileSync('mkfifo', [join(root, 'a')]);
    await assert.rejects(readLayer(root), (error) => isGantryError(error, 'SIZE_INVALID'));
  });

  it('A file that is gone meanwhile has changed.', (test) => {
    assert.throws(
      () => openRegularFile(folder(test), 'a'),
      (error) => isGantryError(error, 'SIZE_INVALID'),
    );
  });
});
