import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../../errors.ts';
import { readTar } from '../../tar/read.ts';
import type { EntryChange } from '../../tar/rewrite.ts';
import { type TarFile, writeTar } from '../../tar/write.ts';
import { createStripPlan, strippedPaths } from './strip-plan.ts';

async function planned(paths: readonly string[], ...files: readonly TarFile[]) {
  const stripped = strippedPaths(paths);
  const plan = createStripPlan(stripped, 'layer');
  let position = 0;
  for await (const entry of readTar(writeTar(files))) plan.add(entry, position++);
  return { changes: Object.fromEntries(plan.changes), missing: stripped.missing() };
}

function link(name: string, linkname: string): TarFile {
  return { name, type: 'link', linkname };
}

const rows: readonly (readonly [
  title: string,
  paths: readonly string[],
  files: readonly TarFile[],
  changes: Readonly<Record<number, EntryChange>>,
])[] = [
  [
    'a path goes away with all below it, whatever its spelling, and a longer name stays',
    ['/etc/keys/'],
    [
      { name: './etc/', type: 'directory' },
      { name: 'etc/keys', type: 'directory' },
      { name: './etc/keys/a' },
      { name: '/etc/keys/b/c' },
      { name: 'etc/keys2' },
    ],
    { 1: 'drop', 2: 'drop', 3: 'drop' },
  ],
  [
    'whiteouts of a path and below it go away, and those of its parents stay',
    ['a/b'],
    [
      { name: 'a/.wh.b' },
      { name: 'a/b/.wh.c' },
      { name: 'a/b/.wh..wh..opq' },
      { name: '.wh.a' },
      { name: 'a/.wh..wh..opq' },
      { name: 'a/.wh.bc' },
    ],
    { 0: 'drop', 1: 'drop', 2: 'drop' },
  ],
  [
    'the first hard link to a removed file becomes the file in its place, and the next ones link to it',
    ['a'],
    [{ name: 'a' }, link('b', 'a'), link('c', './a'), link('d', 'b')],
    { 0: { name: 'b' }, 1: 'drop', 2: { linkname: 'b' } },
  ],
  [
    'a hard link behind removed names finds the content',
    ['x'],
    [
      { name: 'x/a' },
      link('x/b', 'x/a'),
      link('c', 'x/b'),
      { name: 'k' },
      link('x/k', 'k'),
      link('m', 'x/k'),
    ],
    { 0: { name: 'c' }, 1: 'drop', 2: 'drop', 4: 'drop', 5: { linkname: 'k' } },
  ],
  [
    'a removed symbolic link does not touch its target',
    ['s'],
    [{ name: 's', type: 'symlink', linkname: 'a' }, { name: 'a' }],
    { 0: 'drop' },
  ],
  ['names that are no paths stay', ['a'], [{ name: '../a' }, { name: 'b' }], {}],
];

describe('createStripPlan', () => {
  for (const [title, paths, files, changes] of rows)
    it(title, async () => assert.deepEqual((await planned(paths, ...files)).changes, changes));

  it('a hard link to a removed file of a layer below is refused', async () => {
    for (const files of [[link('b', 'a')], [link('a', 'a/below'), link('b', 'a')]])
      await assert.rejects(planned(['a'], ...files), (error) => isGantryError(error, 'UNSUPPORTED'));
  });

  it('paths that no layer has are known afterwards', async () => {
    assert.deepEqual((await planned(['a', 'b/c', 'd'], { name: 'a' }, { name: 'b/.wh.c' })).missing, ['d']);
  });

  it('the root and paths that lead out of the image are refused', () => {
    for (const path of ['', '/', '.', './', '../a', 'a/../../b', 'a\0'])
      assert.throws(
        () => strippedPaths([path]),
        (error) => isGantryError(error, 'INVALID_OPTION'),
      );
  });
});
