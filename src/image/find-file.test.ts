import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import type { TarEntry } from '../tar/entry.ts';
import { createFileSystem } from './filesystem.ts';
import { findFile } from './find-file.ts';
import { createLayerReader, type LayerChanges } from './layer-changes.ts';
import { namesOf } from './layer-names.ts';
import { PathTable } from './path-table.ts';

type Item = readonly [name: string, fields?: Partial<TarEntry>];

const dir = { type: 'directory' } as const;
const symlink = (linkname: string) => ({ type: 'symlink', linkname }) as const;
const hard = (linkname: string) => ({ type: 'link', linkname }) as const;

/** Returns the changes of layers, with one table of paths. */
function layersOf(all: readonly (readonly Item[])[]): readonly LayerChanges[] {
  const paths = new PathTable();
  return all.map((items) => changesOf(items, paths));
}

function changesOf(items: readonly Item[], paths: PathTable): LayerChanges {
  const reader = createLayerReader('layer', paths);
  const owner = { nanoseconds: 0, uid: 0, gid: 0, uname: '', gname: '' };
  const file = { type: 'file', size: 0, stored: 0, mode: 0o644, mtime: 0, ...owner, offset: 0 } as const;
  for (const [name, fields] of items) reader.add({ ...file, name, ...fields });
  return reader.changes();
}

interface Answer {
  readonly found: unknown;
  /** The layers that were read, from the top. */
  readonly read: readonly number[];
}

async function find(path: string, layers: readonly LayerChanges[]): Promise<Answer> {
  const read: number[] = [];
  const found = await findFile(path, layers.length, async (layer) => {
    if (!read.includes(layer)) read.push(layer);
    const changes = layers[layer];
    assert.ok(changes !== undefined);
    return namesOf(changes);
  });
  return { found, read };
}

const part = fc.constantFrom('a', 'b', 'c');
const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const target = fc.tuple(fc.constantFrom('', '/', '../', '../../'), path).map(([up, name]) => `${up}${name}`);
const item: fc.Arbitrary<Item> = fc.oneof(
  { weight: 3, arbitrary: path.map((name): Item => [name]) },
  { weight: 4, arbitrary: path.map((name): Item => [name, dir]) },
  { weight: 2, arbitrary: fc.tuple(path, target).map(([name, to]): Item => [name, symlink(to)]) },
  { weight: 1, arbitrary: fc.tuple(path, path).map(([name, to]): Item => [name, hard(to)]) },
  { weight: 1, arbitrary: path.map((name): Item => [name.replace(/[^/]+$/, '.wh.$&')]) },
  { weight: 1, arbitrary: path.map((name): Item => [`${name}/.wh..wh..opq`]) },
);
const layer = fc.array(item, { maxLength: 5 });

describe('findFile', () => {
  it('findFile finds what the merged tree has, or is unsure, for any layers', () => {
    let sure = 0;
    return fc
      .assert(
        fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 4 }), path, async (items, wanted) => {
          const layers = layersOf(items);
          const merged = createFileSystem(layers[0]?.paths);
          // An image with a fault is refused if the layer at fault is read.
          fc.pre(layers.every((changes) => merged.apply(changes).length === 0));
          const expected = (() => {
            try {
              const { type, layer: at, position } = merged.locate(wanted) ?? { type: 'missing' };
              return type === 'missing' || type === 'directory'
                ? type
                : { path: merged.resolvePath(wanted), layer: at, position };
            } catch (error) {
              return isGantryError(error) ? error.code : error;
            }
          })();
          const { found } = await find(wanted, layers).catch((error: unknown) => ({
            found: isGantryError(error) ? error.code : error,
          }));
          if (found === 'unsure') return;
          sure++;
          assert.deepEqual(found, expected);
        }),
        { numRuns: Number(process.env['GANTRY_FUZZ_RUNS'] ?? 1500) },
      )
      .then(() => assert.ok(sure > 300, `${sure}`));
  });

  const base = [['etc', dir], ['etc/a'], ['usr', dir], ['usr/lib', dir], ['usr/lib/x']] as const;
  const cases: readonly (readonly [
    title: string,
    path: string,
    layers: readonly (readonly Item[])[],
    Answer,
  ])[] = [
    [
      'a file of the top layer is found there',
      'etc/a',
      [base, base, base],
      { found: { path: 'etc/a', layer: 2, position: 1 }, read: [2] },
    ],
    [
      'a whiteout ends the search',
      'etc/a',
      [base, [['etc', dir], ['etc/.wh.a']]],
      { found: 'missing', read: [1] },
    ],
    [
      'an opaque directory ends the search',
      'etc/a',
      [base, [['etc', dir], ['etc/.wh..wh..opq']]],
      { found: 'missing', read: [1] },
    ],
    [
      'a directory that became a file ends the search',
      'etc/a',
      [base, [['etc']]],
      { found: 'missing', read: [1] },
    ],
    [
      'a link to another directory is followed',
      'lib/x',
      [base, [['lib', symlink('usr/lib')]], []],
      { found: { path: 'usr/lib/x', layer: 0, position: 4 }, read: [2, 1, 0] },
    ],
    [
      'a file in a linked directory of another layer needs the merged tree',
      'usr/lib/x',
      [base, [['lib/x']]],
      { found: 'unsure', read: [1, 0] },
    ],
  ];
  for (const [title, wanted, layers, answer] of cases) {
    it(title, async () => {
      const { found, read } = await find(wanted, layersOf(layers));
      assert.deepEqual({ found, read: found === 'unsure' ? answer.read : read }, answer);
    });
  }
});
