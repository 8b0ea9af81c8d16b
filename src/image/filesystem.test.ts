import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { readTar } from '../tar/read.ts';
import { type TarFile, writeTar } from '../tar/write.ts';
import { failsWith } from '../testing/contract/sample.ts';
import type { FileEntry } from './file-entry.ts';
import { createFileSystem, type FileSystem } from './filesystem.ts';
import { createLayerReader } from './layer-changes.ts';

/** An entry of a layer. A text is the content of a file. */
type Item = readonly [name: string, what?: string | Partial<TarFile>];
type Layer = readonly Item[];

const dir: Partial<TarFile> = { type: 'directory' };
const symlink = (linkname: string): Partial<TarFile> => ({ type: 'symlink', linkname });
const hard = (linkname: string): Partial<TarFile> => ({ type: 'link', linkname });

function tarOf(layer: Layer): Promise<Uint8Array> {
  const files = layer.map(([name, what = '']) => {
    if (typeof what !== 'string') return { name, ...what };
    const body = new TextEncoder().encode(what);
    return { name, size: body.byteLength, body: [body] };
  });
  return collect(writeTar(files), { limit: 2 ** 24, what: 'tar' });
}

interface Merged {
  readonly fileSystem: FileSystem;
  readonly faults: readonly string[];
  readonly open: (layer: number) => AsyncIterable<Uint8Array>;
  /** The layers that were opened for content. */
  readonly opened: readonly number[];
}

async function merged(...layers: readonly Layer[]): Promise<Merged> {
  const tars = await Promise.all(layers.map(tarOf));
  const fileSystem = createFileSystem();
  const faults: string[] = [];
  for (const tar of tars) {
    const reader = createLayerReader('layer', fileSystem.tree.paths);
    for await (const entry of readTar(bytesContent(tar).open())) reader.add(entry);
    faults.push(...fileSystem.apply(reader.changes()));
  }
  const opened: number[] = [];
  const open = async function* chunks(layer: number): AsyncIterable<Uint8Array> {
    opened.push(layer);
    yield tars[layer] ?? new Uint8Array(0);
  };
  return { fileSystem, faults, open, opened };
}

/** The tree as lines: directories with a slash, `path=content`, `path -> symbolic link`, `path == first name`. */
async function linesOf({ fileSystem, open }: Merged): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { path, type, linkname, body } of fileSystem.files(open)) {
    const content = Buffer.from(await collect(body, { limit: 2 ** 20, what: path })).toString();
    if (type === 'directory') lines.push(`${path}/`);
    else if (type === 'symlink') lines.push(`${path} -> ${linkname}`);
    else if (type === 'link') lines.push(`${path} == ${linkname}`);
    else lines.push(type === 'file' ? `${path}=${content}` : `${path} ${type}`);
  }
  return lines;
}

interface Row {
  readonly layers: readonly Layer[];
  readonly tree: readonly string[];
  /** A part of each fault. */
  readonly faults?: readonly RegExp[];
}

const rows: Readonly<Record<string, Row>> = {
  'T36: a file beside its own whiteout is the new file, if the whiteout comes first': {
    layers: [[['a', 'old']], [['.wh.a'], ['a', 'new']]],
    tree: ['a=new'],
  },
  'T37: a file beside its own whiteout is the new file, if the file comes first': {
    layers: [[['a', 'old']], [['a', 'new'], ['.wh.a']]],
    tree: ['a=new'],
  },
  'T38: a directory beside its own whiteout has only the new content': {
    layers: [
      [
        ['d', dir],
        ['d/old', 'x'],
      ],
      [['.wh.d'], ['d', dir], ['d/new', 'y']],
    ],
    tree: ['d/', 'd/new=y'],
  },
  'T38, ggcr#2029: a directory that one step removes and makes again has only the new content': {
    layers: [
      [
        ['test', dir],
        ['test/file', 'x'],
      ],
      [['test', dir], ['test/.wh..wh..opq'], ['test/file2', 'y']],
    ],
    tree: ['test/', 'test/file2=y'],
  },
  'T39: an opaque directory hides the content below if its mark comes first': {
    layers: [[['d/old', 'x']], [['d/.wh..wh..opq'], ['d', dir], ['d/new', 'y']]],
    tree: ['d/', 'd/new=y'],
  },
  'T39: an opaque directory hides the content below if its mark comes last': {
    layers: [[['d/old', 'x']], [['d', dir], ['d/new', 'y'], ['d/.wh..wh..opq']]],
    tree: ['d/', 'd/new=y'],
  },
  'T39, ggcr#1897: an opaque directory hides the content below without an entry of its own': {
    layers: [[['a/b/foo', 'x']], [['a/.wh..wh..opq']]],
    tree: ['a/'],
  },
  'T39: an opaque directory leaves the attributes of the directory below if it has no entry': {
    layers: [
      [
        ['a', { ...dir, mode: 0o700 }],
        ['a/b', 'x'],
      ],
      [['a/.wh..wh..opq'], ['a/c', 'y']],
    ],
    tree: ['a/', 'a/c=y'],
  },
  'T57: an opaque root empties the image': {
    layers: [
      [
        ['a', 'x'],
        ['d', dir],
      ],
      [['.wh..wh..opq'], ['b', 'y']],
    ],
    tree: ['b=y'],
  },
  'T40: the last of two entries with one name counts': {
    layers: [
      [
        ['a', 'one'],
        ['b', 'x'],
        ['a', 'two'],
      ],
    ],
    tree: ['b=x', 'a=two'],
  },
  'T40: a file that follows a directory of its name in one layer replaces it with its content': {
    layers: [
      [
        ['d', dir],
        ['d/x', 'x'],
        ['d', 'file'],
      ],
    ],
    tree: ['d=file'],
  },
  'T41: a hard link before its target is a second name of it': {
    layers: [
      [
        ['b', hard('a')],
        ['a', 'x'],
      ],
    ],
    tree: ['a=x', 'b == a'],
  },
  'T41: a hard link above to a file below is a second name of it': {
    layers: [[['a', 'x']], [['b', hard('a')]]],
    tree: ['a=x', 'b == a'],
  },
  'T42, ggcr#2002: a hard link keeps the old file when its target is replaced above': {
    layers: [
      [
        ['t2', '123'],
        ['t1', hard('t2')],
        ['t3', hard('t2')],
      ],
      [['t1', '456']],
    ],
    tree: ['t2=123', 't3 == t2', 't1=456'],
  },
  'T42: a hard link keeps the old file when the first name is replaced above': {
    layers: [
      [
        ['a', 'old'],
        ['b', hard('a')],
      ],
      [['a', 'new']],
    ],
    tree: ['b=old', 'a=new'],
  },
  'T43, ggcr#977: a hard link keeps the file when its target is removed above': {
    layers: [
      [
        ['a', 'old'],
        ['b', hard('a')],
        ['c', hard('b')],
      ],
      [['.wh.a']],
    ],
    tree: ['b=old', 'c == b'],
  },
  'T44: a directory that becomes a file loses its content': {
    layers: [[['d/x', 'x']], [['d', 'file']]],
    tree: ['d=file'],
  },
  'T44: a directory that becomes a symbolic link loses its content': {
    layers: [[['d/x', 'x']], [['d', symlink('e')]]],
    tree: ['d -> e'],
  },
  'T44: a file that becomes a directory is one': {
    layers: [
      [['d', 'file']],
      [
        ['d', dir],
        ['d/x', 'x'],
      ],
    ],
    tree: ['d/', 'd/x=x'],
  },
  'T45: an entry below a file is a fault, and the file stays': {
    layers: [[['d', 'file']], [['d/x', 'x']]],
    tree: ['d=file'],
    faults: [/"d\/x".*"d" is not a directory/],
  },
  'T46: ./a and a are one path': {
    layers: [[['./a', 'old']], [['a', 'new']]],
    tree: ['a=new'],
  },
  'T47: /a and a are one path, with the new content': {
    layers: [[['a', 'old']], [['/a', 'new']]],
    tree: ['a=new'],
  },
  'T47: an image of one layer shows none of its whiteouts': {
    layers: [[['.wh.a'], ['d/.wh..wh..opq'], ['b', 'x']]],
    tree: ['b=x'],
  },
  'a directory above a directory changes its attributes and keeps its content': {
    layers: [
      [
        ['d', { ...dir, mode: 0o700 }],
        ['d/x', 'x'],
      ],
      [['d', { ...dir, mode: 0o711 }]],
    ],
    tree: ['d/', 'd/x=x'],
  },
  'metadata of aufs is no content': {
    layers: [[['.wh..wh.aufs'], ['.wh..wh.plnk', dir], ['.wh..wh.plnk/1.2', 'x'], ['a', 'x']]],
    tree: ['a=x'],
  },
  'a whiteout without a name is a fault': {
    layers: [[['a', 'x']], [['.wh.'], ['.wh...']]],
    tree: ['a=x'],
    faults: [/"\.wh\."/, /"\.wh\.\.\."/],
  },
  'a whiteout of a missing path changes nothing': {
    layers: [[['a', 'x']], [['.wh.b'], ['c/.wh.d']]],
    tree: ['a=x'],
  },
  'a hard link to a missing path is a fault': {
    layers: [[['a', 'x']], [['b', hard('none')]]],
    tree: ['a=x'],
    faults: [/"b", a hard link to "none", which does not exist/],
  },
  'a hard link to itself is a fault': {
    layers: [[['a', hard('a')]]],
    tree: [],
    faults: [/"a", a hard link to "a"/],
  },
  'a hard link to a directory is a fault': {
    layers: [
      [
        ['d', dir],
        ['e', hard('d')],
      ],
    ],
    tree: ['d/'],
    faults: [/"e", a hard link to a directory/],
  },
  'a hard link names the file of its own layer, and not the one below': {
    layers: [
      [['a', 'old']],
      [
        ['b', hard('a')],
        ['a', 'new'],
      ],
    ],
    tree: ['a=new', 'b == a'],
  },
  'a name that leads out of the image is a fault': {
    layers: [
      [
        ['../a', 'x'],
        ['x/../../b', 'x'],
        ['c', hard('../d')],
        ['ok', 'x'],
      ],
    ],
    tree: ['ok=x'],
    faults: [/"\.\.\/a"/, /"x\/\.\.\/\.\.\/b"/, /"c"/],
  },
  'ggcr#2268: a symbolic link keeps its target as written, also one that leads out': {
    layers: [
      [
        ['lib64/ld.so', symlink('../lib/ld-linux.so')],
        ['l', symlink('../../etc')],
        ['abs', symlink('/etc/x')],
      ],
    ],
    tree: ['lib64/', 'lib64/ld.so -> ../lib/ld-linux.so', 'l -> ../../etc', 'abs -> /etc/x'],
  },
  'go-microvm#38: a file replaces a symbolic link, and not its target': {
    layers: [
      [
        ['bin/busybox', 'b'],
        ['usr/bin/env', symlink('/bin/busybox')],
      ],
      [['usr/bin/env', 'env']],
    ],
    tree: ['bin/', 'usr/', 'usr/bin/', 'bin/busybox=b', 'usr/bin/env=env'],
  },
  'a path through a symbolic link below goes to the target of the link': {
    layers: [
      [
        ['usr/lib', dir],
        ['lib', symlink('usr/lib')],
      ],
      [
        ['lib/x', 'x'],
        ['/lib/y', 'y'],
      ],
      [['lib/.wh.y']],
    ],
    tree: ['usr/', 'usr/lib/', 'lib -> usr/lib', 'usr/lib/x=x'],
  },
  'a path through a symbolic link never leaves the root': {
    layers: [[['d', symlink('../../tmp')]], [['d/x', 'x']], [['d/.wh.y'], ['d/.wh..wh..opq'], ['d/z', 'z']]],
    tree: ['tmp/', 'd -> ../../tmp', 'tmp/z=z'],
  },
  'a path through symbolic links in a loop is a fault': {
    layers: [
      [
        ['a', symlink('b')],
        ['b', symlink('a')],
      ],
      [['a/x', 'x']],
    ],
    tree: ['a -> b', 'b -> a'],
    faults: [/"a\/x".*"a" is a loop/],
  },
  'a root that is no directory is a fault': {
    layers: [
      [
        ['.', symlink('/tmp')],
        ['a', 'x'],
      ],
    ],
    tree: ['a=x'],
    faults: [/lists its root, and not as a directory/],
  },
  'devices and pipes are entries': {
    layers: [
      [
        ['null', { type: 'character-device' }],
        ['p', { type: 'fifo' }],
      ],
    ],
    tree: ['null character-device', 'p fifo'],
  },
};

describe('the merged file system of an image', () => {
  for (const [title, { layers, tree, faults = [] }] of Object.entries(rows)) {
    it(title, async () => {
      const image = await merged(...layers);
      assert.deepEqual(await linesOf(image), tree);
      assert.equal(image.faults.length, faults.length, image.faults.join('\n'));
      for (const [at, fault] of faults.entries()) assert.match(image.faults[at] ?? '', fault);
    });
  }

  it('T25: directories come first and sorted, then the files in the order of the layers', async () => {
    const image = await merged(
      [
        ['a/z', 'z'],
        ['a/x', 'x'],
        ['b', dir],
      ],
      [['a/.wh.x'], ['a/y', 'y'], ['a-b', dir], ['a/sub', dir]],
    );
    assert.deepEqual(await linesOf(image), ['a/', 'a/sub/', 'a-b/', 'b/', 'a/z=z', 'a/y=y']);
    const entries = [...image.fileSystem.entries()].map(({ path }) => path);
    assert.deepEqual(entries, ['a', 'a/sub', 'a-b', 'b', 'a/z', 'a/y']);
  });

  it('attributes come from the highest layer that lists the path', async () => {
    const image = await merged(
      [
        ['d', { ...dir, mode: 0o700 }],
        ['e/x', 'x'],
      ],
      [['d', { ...dir, mode: 0o711 }]],
    );
    const found = (path: string): FileEntry | undefined => image.fileSystem.find(path);
    assert.deepEqual([found('d')?.mode, found('d')?.layer], [0o711, 1]);
    // No layer lists this directory.
    assert.deepEqual(found('e'), {
      path: 'e',
      type: 'directory',
      size: 0,
      mode: 0o755,
      mtime: 0,
      nanoseconds: 0,
      uid: 0,
      gid: 0,
      uname: '',
      gname: '',
    });
  });

  it('T52: only the layers with selected files are opened', async () => {
    const image = await merged([['a', 'a']], [['b', 'b']], [['c', 'c']]);
    const files = image.fileSystem.files(image.open, { wants: ({ path }) => path === 'b' });
    for await (const { path } of files) assert.equal(path, 'b');
    assert.deepEqual(image.opened, [1]);
  });

  it('an aborted reading ends with the reason', async () => {
    const image = await merged([['a', 'a']]);
    const reason = new Error('enough');
    const reading = async (): Promise<void> => {
      const options = { signal: AbortSignal.abort(reason) };
      for await (const _ of image.fileSystem.files(image.open, options)) assert.fail('read');
    };
    await assert.rejects(reading(), (error) => error === reason);
  });
});

describe('find in the merged file system of an image', () => {
  const layers: readonly Layer[] = [
    [
      ['usr/lib/os-release', 'NAME=x'],
      ['etc/os-release', symlink('../usr/lib/os-release')],
      ['lib', symlink('/usr/lib')],
      ['loop', symlink('loop')],
      ['old', 'x'],
      ['link', hard('old')],
      ['dir/file', 'x'],
      ['gone', 'x'],
    ],
    [['old', 'new'], ['dir', 'file'], ['.wh.gone']],
  ];

  for (const [title, path, expected] of [
    ['T48: a removed file is not found', 'gone', undefined],
    ['T49: a symbolic link leads to its target', 'etc/os-release', [6, 0]],
    ['T49: a symbolic link in the path is followed, also an absolute one', '/lib/os-release', [6, 0]],
    ['T49: .. stops at the root', '../../etc/../lib/os-release', [6, 0]],
    ['T50: a hard link leads to the old file after its target was replaced', 'link', [1, 0]],
    ['T51: a path below a directory that became a file is not found', 'dir/file', undefined],
    ['a replaced file comes from the higher layer', 'old', [3, 1]],
  ] as const) {
    it(title, async () => {
      const found = (await merged(...layers)).fileSystem.find(path);
      assert.deepEqual(found === undefined ? undefined : [found.size, found.layer], expected);
    });
  }

  it('T49: symbolic links in a loop are refused', async () => {
    const { fileSystem } = await merged(...layers);
    await failsWith(
      Promise.resolve().then(() => fileSystem.find('loop')),
      'MANIFEST_INVALID',
    );
  });
});

describe('the limits of the merged file system', () => {
  it('a path that is longer than any system opens is a fault', async () => {
    const image = await merged([[`${'d/'.repeat(3000)}x`, 'x']]);
    assert.deepEqual([...image.fileSystem.entries()], []);
    assert.equal(image.faults.length, 1);
    assert.ok((image.faults[0] ?? '').length < 400);
  });

  it('a thousand nested directories are listed', async () => {
    const image = await merged([[`${'d/'.repeat(1000)}x`, 'x']]);
    assert.equal([...image.fileSystem.entries()].length, 1001);
  });

  it('a million files are too many', async () => {
    const fileSystem = createFileSystem();
    const reader = createLayerReader('layer', fileSystem.tree.paths);
    const owner = { nanoseconds: 0, uid: 0, gid: 0, uname: '', gname: '' };
    const header = { type: 'file', size: 0, stored: 0, offset: 0, mode: 0o644, mtime: 0, ...owner } as const;
    for (let at = 0; at <= 1_000_000; at++) reader.add({ ...header, name: `f${at}` });
    await failsWith(
      Promise.resolve().then(() => fileSystem.apply(reader.changes())),
      'TOO_LARGE',
    );
  });
});

it('a tar of the merged file system is unpacked by tar', {
  skip: process.platform === 'win32' ? 'no GNU tar' : false,
}, async (test) => {
  const image = await merged(
    [
      ['z', hard('a/file')],
      ['a/file', 'content'],
      ['l', symlink('a/file')],
    ],
    [['a/.wh.file'], ['b/c', 'c']],
  );
  const path = join(await folder(test), 'out.tar');
  async function* files() {
    for await (const { path: name, type, size, mode, linkname, body } of image.fileSystem.files(image.open)) {
      yield { name, type, size, mode, ...(linkname === undefined ? {} : { linkname }), body };
    }
  }
  writeFileSync(path, await collect(writeTar(files()), { limit: 2 ** 20, what: 'tar' }));
  const target = await folder(test);
  execFileSync('tar', ['-xf', path, '-C', target]);
  assert.equal(execFileSync('cat', [join(target, 'z')], { encoding: 'utf8' }), 'content');
});

it('the path of a new file leads through links within the image, also where nothing is yet', async () => {
  const { fileSystem } = await merged([
    ['usr/lib', dir],
    ['lib', symlink('usr/lib')],
    ['etc', dir],
    ['out', symlink('../../etc')],
    ['dangling', symlink('none/x')],
    ['loop', symlink('loop/x')],
    ['file', 'x'],
  ]);
  for (const [path, resolved] of [
    ['/lib', 'usr/lib'],
    ['lib/new/a', 'usr/lib/new/a'],
    ['lib/../a', 'usr/a'],
    ['out/a', 'etc/a'],
    ['./new//a/', 'new/a'],
    ['dangling', 'dangling'],
    ['file', 'file'],
    ['file/a', undefined],
    ['new/../a', undefined],
    ['..', undefined],
    ['/', undefined],
    ['', undefined],
  ] as const)
    assert.equal(fileSystem.resolvePath(path), resolved, path);
  for (const find of [() => fileSystem.resolvePath('loop/a'), () => fileSystem.find('loop')])
    assert.throws(find, { code: 'MANIFEST_INVALID', message: /form a loop/ });
  assert.equal(fileSystem.locate('nowhere'), undefined);
  assert.deepEqual(fileSystem.locate('usr'), { type: 'directory', layer: 0, position: 0 });
  assert.deepEqual(fileSystem.locate('/lib/../../file'), { type: 'file', layer: 0, position: 6 });
});
