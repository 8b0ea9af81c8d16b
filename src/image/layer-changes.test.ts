import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { compareBytes } from '../store/listing.ts';
import type { TarEntry } from '../tar/entry.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { createFileSystem as createWith, type FileSystem } from './filesystem.ts';
import { createLayerReader, type LayerChanges } from './layer-changes.ts';
import { PathTable } from './path-table.ts';

/** One table for all layers, as an image has it. */
const paths = new PathTable();

function createFileSystem(): FileSystem {
  return createWith(paths);
}

function entry(name: string, fields: Partial<TarEntry> = {}): TarEntry {
  const owner = { nanoseconds: 0, uid: 0, gid: 0, uname: '', gname: '' };
  return { name, type: 'file', size: 0, stored: 0, mode: 0o644, mtime: 0, ...owner, offset: 0, ...fields };
}

function changesOf(...entries: readonly TarEntry[]): LayerChanges {
  const reader = createLayerReader('layer', paths);
  for (const one of entries) reader.add(one);
  return reader.changes();
}

/** The entries and the whiteouts of a layer by their paths. */
function shownChanges(changes: LayerChanges) {
  const entries = Array.from({ length: changes.count }, (_, at) => ({
    path: paths.textOf(changes.pathOf(at)),
    position: changes.headerOf(at).position,
  }));
  const [removed, emptied] = [changes.removed, changes.emptied].map((one) =>
    one.map((at) => paths.textOf(at)),
  );
  return { entries, removed, emptied, faults: changes.faults };
}

const link = (linkname: string) => ({ type: 'link', linkname }) as const;
/** Paths in an order that differs from that of their directories: a slash comes after a minus and a dot. */
const path = fc
  .array(fc.constantFrom('a', 'a.b', 'a-', 'b', 'é'), { minLength: 1, maxLength: 3 })
  .map((names) => names.join('/'));

const symlink = (linkname: string) => ({ type: 'symlink', linkname }) as const;
const directory = { type: 'directory' } as const;

describe('createLayerReader', () => {
  for (const [name, path] of [
    ['/usr/bin', 'usr/bin'],
    ['./usr//bin/', 'usr/bin'],
    ['///etc', 'etc'],
    ['a/./b', 'a/b'],
    ['./', '.'],
    ['/', '.'],
  ] as const) {
    it(`the name ${JSON.stringify(name)} of a directory is the path ${path}`, () => {
      const { entries, faults } = shownChanges(changesOf(entry(name, directory)));
      assert.deepEqual([entries.map((one) => one.path), faults], [[path], []]);
    });
  }

  const refused: readonly (readonly [name: string, fields: Partial<TarEntry>, words: RegExp])[] = [
    ['..', {}, /no path in an image/],
    ['a/../../b', {}, /no path in an image/],
    ['', {}, /no path in an image/],
    ['./', {}, /lists its root, and not as a directory/],
    ['a/.wh.', {}, /whiteout .* of no path/],
    ['a/.wh..', {}, /whiteout .* of no path/],
    ['a/.wh...', {}, /whiteout .* of no path/],
    ['a', link(''), /hard link to no path/],
    ['a', link('../../etc/passwd'), /hard link to no path/],
    ['a', { type: 'link' }, /hard link to no path/],
  ];
  for (const [name, fields, words] of refused) {
    const { type = 'file', linkname } = fields;
    it(`an entry ${JSON.stringify(name)} of the type ${type}${linkname === undefined ? '' : ` to ${JSON.stringify(linkname)}`} is a fault and no change`, () => {
      const { entries, removed, emptied, faults } = shownChanges(changesOf(entry(name, fields)));
      assert.deepEqual([entries, removed, emptied], [[], [], []]);
      assert.equal(faults.length, 1);
      assert.match(faults[0] ?? '', words);
    });
  }

  it('a symbolic link with more characters than Linux permits is a fault and no change', () => {
    const { entries, faults } = shownChanges(
      changesOf(entry('a', symlink('x'.repeat(4096))), entry('b', symlink('x'.repeat(4097)))),
    );
    assert.deepEqual(
      entries.map(({ path }) => path),
      ['a'],
    );
    assert.match(faults.join(), /"b", a symbolic link with more than 4096 characters/);
  });

  it('whiteouts are no entries, and the metadata of aufs is nothing at all', () => {
    const { entries, removed, emptied, faults } = shownChanges(
      changesOf(
        entry('.wh.top'),
        entry('a/.wh.b'),
        entry('a/.wh..wh..opq'),
        entry('.wh..wh..opq'),
        entry('.wh..wh.plnk/1.2'),
        entry('.wh..wh.aufs'),
        entry('kept'),
      ),
    );
    assert.deepEqual(
      entries.map(({ path, position }) => [path, position]),
      [['kept', 6]],
    );
    assert.deepEqual([removed, emptied, faults], [['top', 'a/b'], ['a', '.'], []]);
  });

  it('the first path that a layer lists twice is reported, in any spelling', () => {
    assert.equal(changesOf(entry('a'), entry('b'), entry('./b'), entry('/a')).twice, 'b');
    assert.equal(changesOf(entry('a'), entry('b')).twice, undefined);
  });

  it('a layer with a thousand faults reports twenty of them', () => {
    const { faults, count } = changesOf(...Array.from({ length: 1000 }, () => entry('..')), entry('a'));
    assert.deepEqual([faults.length, count], [20, 1]);
  });

  it('names of more than 128 MiB in one layer are too large', async () => {
    const reader = createLayerReader('layer');
    const long = 'x'.repeat(4000);
    const fill = async (): Promise<void> => {
      // The names of one path are counted each time.
      for (let at = 0; at < 40_000; at++) reader.add(entry(long));
    };
    await failsWith(fill(), 'TOO_LARGE');
  });

  it('the message about a long name has only its beginning', () => {
    const [fault = ''] = changesOf(entry(`../${'x'.repeat(3000)}`)).faults;
    assert.ok(fault.length < 300);
    assert.ok(fault.includes('…'));
  });
});

describe('createFileSystem with unusual changes', () => {
  it('a layer may give the root new attributes, and the files below stay', () => {
    const fileSystem = createFileSystem();
    fileSystem.apply(changesOf(entry('a')));
    assert.deepEqual(fileSystem.apply(changesOf(entry('./', { ...directory, mode: 0o700 }))), []);
    assert.equal(fileSystem.find('.')?.mode, 0o700);
    assert.equal(fileSystem.find('a')?.layer, 0);
  });

  it('an opaque whiteout of the root removes everything below, and nothing of its own layer', () => {
    const fileSystem = createFileSystem();
    fileSystem.apply(changesOf(entry('old/file'), entry('file')));
    fileSystem.apply(changesOf(entry('new'), entry('.wh..wh..opq')));
    assert.deepEqual(
      [...fileSystem.entries()].map(({ path }) => path),
      ['new'],
    );
  });

  it('a chain of hard links in one layer leads to its file in any order', () => {
    const fileSystem = createFileSystem();
    const faults = fileSystem.apply(
      changesOf(entry('c', link('b')), entry('b', link('a')), entry('a', { size: 7, stored: 7 })),
    );
    assert.deepEqual(faults, []);
    for (const path of ['a', 'b', 'c']) assert.equal(fileSystem.find(path)?.size, 7);
    const links = [...fileSystem.entries()].filter(({ type }) => type === 'link');
    assert.deepEqual(
      links.map(({ linkname }) => linkname),
      ['a', 'a'],
    );
  });

  it('hard links that form a circle are faults, and none of them exists', () => {
    const fileSystem = createFileSystem();
    const faults = fileSystem.apply(changesOf(entry('a', link('b')), entry('b', link('a')), entry('c')));
    assert.equal(faults.length, 2);
    assert.deepEqual(
      [...fileSystem.entries()].map(({ path }) => path),
      ['c'],
    );
  });

  it('a hard link to itself is a fault', () => {
    const faults = createFileSystem().apply(changesOf(entry('a', link('a'))));
    assert.equal(faults.length, 1);
  });

  it('a hard link to a directory is a fault', () => {
    const fileSystem = createFileSystem();
    const faults = fileSystem.apply(changesOf(entry('d', directory), entry('link', link('d'))));
    assert.match(faults[0] ?? '', /hard link to a directory/);
    assert.equal(fileSystem.find('link'), undefined);
  });

  it('a hard link names the file below its layer, also if the layer replaces that file by a whiteout', () => {
    const fileSystem = createFileSystem();
    fileSystem.apply(changesOf(entry('old', { size: 3, stored: 3 })));
    assert.deepEqual(fileSystem.apply(changesOf(entry('.wh.old'), entry('new', link('old')))), []);
    assert.equal(fileSystem.find('old'), undefined);
    assert.deepEqual([fileSystem.find('new')?.size, fileSystem.find('new')?.layer], [3, 0]);
  });

  it('an entry below a symbolic link goes into its target, and never above the root', () => {
    const fileSystem = createFileSystem();
    fileSystem.apply(changesOf(entry('lib', symlink('../../usr/lib'))));
    fileSystem.apply(changesOf(entry('lib/x')));
    assert.deepEqual(
      [...fileSystem.entries()].map(({ path }) => path),
      ['usr', 'usr/lib', 'lib', 'usr/lib/x'],
    );
  });

  it('an entry below a circle of symbolic links or below a file is a fault', () => {
    const fileSystem = createFileSystem();
    fileSystem.apply(changesOf(entry('a', symlink('b')), entry('b', symlink('a')), entry('file')));
    const faults = fileSystem.apply(changesOf(entry('a/x'), entry('file/x'), entry('ok')));
    assert.match(faults[0] ?? '', /is a loop/);
    assert.match(faults[1] ?? '', /is not a directory/);
    assert.equal(faults.length, 2);
    assert.equal(fileSystem.find('ok')?.layer, 1);
  });

  it('sorted yields the entries in the byte order of their paths, links included', () =>
    fc.assert(
      fc.property(fc.array(path, { maxLength: 20 }), (names) => {
        const fileSystem = createFileSystem();
        // A name below a file is a fault and left out.
        fileSystem.apply(changesOf(...names.map((name) => entry(name))));
        const first = names[0] ?? 'a';
        fileSystem.apply(changesOf(...names.map((name) => entry(`${name}-link`, link(first)))));
        const expected = [...fileSystem.entries()].sort((a, b) => compareBytes(a.path, b.path));
        assert.deepEqual([...fileSystem.sorted()], expected);
      }),
    ));

  it('a whiteout of a path that no layer has changes nothing', () => {
    const fileSystem = createFileSystem();
    fileSystem.apply(changesOf(entry('a')));
    assert.deepEqual(fileSystem.apply(changesOf(entry('b/.wh.c'), entry('x/y/.wh..wh..opq'))), []);
    assert.deepEqual(
      [...fileSystem.entries()].map(({ path }) => path),
      ['a'],
    );
  });
});
