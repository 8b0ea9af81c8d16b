import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { gantry } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';

/** Returns a folder of things that the commands do not expect. */
async function scene(test: TestContext): Promise<{ readonly image: string; readonly cwd: string }> {
  const registry = createMemoryRegistry();
  const { digest } = await store(registry, 'app', ['1'], await makeImage('here'));
  const served = await startRegistry({ registry });
  atEnd(test, () => served.close());
  const cwd = await folder(test);
  await writeFile(join(cwd, 'file'), 'a file');
  for (const path of [
    'folder',
    'blobs-is-a-file',
    'algorithm-is-a-file/blobs',
    'index-is-a-folder/index.json',
    'lock-is-a-folder/.gantry.lock',
    `blob-is-a-folder/blobs/sha256/${digest.slice('sha256:'.length)}/more`,
  ]) {
    await mkdir(join(cwd, path), { recursive: true });
  }
  await writeFile(join(cwd, 'blobs-is-a-file/blobs'), '');
  await writeFile(join(cwd, 'algorithm-is-a-file/blobs/sha256'), '');
  await symlink('nowhere', join(cwd, 'link-to-nowhere'), 'dir');
  return { image: `${served.host}/app:1`, cwd };
}

const layout = ['pull', '--format=oci', 'IMAGE'];
const long = 'x'.repeat(300);
const rows: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  [
    'a folder in place of an archive',
    ['pull', 'IMAGE', 'folder'],
    2,
    /folder is a folder, and an archive is a file/,
  ],
  ['a folder in place of an OCI archive', ['copy', 'IMAGE', 'oci-archive:folder'], 2, /name a file in it/],
  [
    'a folder that is not there',
    ['pull', 'IMAGE', 'none/a.tar'],
    3,
    /no folder none for none\/a\.tar: make it first/,
  ],
  [
    'a file in place of a folder',
    ['pull', 'IMAGE', 'file/a.tar'],
    1,
    /a folder was expected, and this is a file/,
  ],
  ['a file in place of a layout', [...layout, 'file'], 1, /file: a folder was expected, and this is a file/],
  ['a file above a layout', [...layout, 'file/layout'], 1, /a folder was expected, and this is a file/],
  [
    'a file in place of the blobs',
    [...layout, 'blobs-is-a-file'],
    1,
    /a folder was expected, and this is a file/,
  ],
  [
    'a file in place of an algorithm',
    [...layout, 'algorithm-is-a-file'],
    1,
    /a folder was expected, and this is a file/,
  ],
  [
    'a folder in place of a blob',
    [...layout, 'blob-is-a-folder'],
    1,
    /a file was expected, and this is a folder/,
  ],
  [
    'a folder in place of the index',
    [...layout, 'index-is-a-folder'],
    1,
    /index\.json is not a regular file/,
  ],
  [
    'a folder in place of the lock',
    [...layout, 'lock-is-a-folder'],
    1,
    /\.gantry\.lock: a lock file was expected, and this is a folder/,
  ],
  ['a link to nowhere', [...layout, 'link-to-nowhere'], 1, /no such file or directory/],
  [
    'a file in place of a cache',
    ['pull', '-c', 'file', 'IMAGE', 'a.tar'],
    1,
    /a folder was expected, and this is a file/,
  ],
  ['a file in place of a store', ['serve', '--disk', 'file'], 1, /a folder was expected, and this is a file/],
  [
    'a name that is too long',
    ['pull', 'IMAGE', `${long}/a.tar`],
    1,
    /the name is longer than the file system allows/,
  ],
  ['a layout with such a name', [...layout, long], 1, /the name is longer than the file system allows/],
  ['an empty path', ['pull', 'IMAGE', ''], 2, /the path of the saved image is empty/],
  ['an empty path of a layout', [...layout, ''], 2, /the path of the saved image is empty/],
  ['an empty path of a cache', ['pull', '-c', '', 'IMAGE', 'a.tar'], 2, /--cache_path has an empty value/],
  ['a layout that is not there', ['copy', 'oci:none', 'IMAGE'], 3, /there is no folder .*none$/m],
  [
    'a file that is read as a layout',
    ['copy', 'oci:file', 'IMAGE'],
    1,
    /file is not an OCI image layout: it is not a folder/,
  ],
  [
    'a folder that is read as an archive',
    ['copy', 'oci-archive:folder', 'IMAGE'],
    1,
    /folder is a directory, not an archive/,
  ],
];

const windows = process.platform === 'win32' ? 'Windows has other limits and words' : false;

describe('messages for things that the command does not expect', { skip: windows }, () => {
  for (const [name, args, code, said] of rows) {
    it(`errors-of-the-system-in-words: the message about ${name} is in words`, async (test) => {
      const { image, cwd } = await scene(test);
      const before = (await readdir(cwd, { recursive: true })).toSorted();
      const ended = await gantry(
        args.map((word) => (word === 'IMAGE' ? image : word)),
        { cwd },
      );
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, said);
      assert.doesNotMatch(ended.stderr, /\bE[A-Z]{4,}\b/);
      assert.deepEqual((await readdir(cwd, { recursive: true })).toSorted(), before);
    });
  }
});
