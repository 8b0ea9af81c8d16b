import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isGantryError } from '../../src/errors.ts';
import type { Content } from '../../src/flow/content.ts';
import { foldedName, nameProblem } from '../../src/folder/names.ts';
import { unpackFiles } from '../../src/folder/unpack-files.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { openImageFile } from '../../src/image/open-file.ts';
import { openFileSystem } from '../../src/image/open-file-system.ts';
import { dir, hard, type Item, imageOf, layerOf, linesOf, type Stage, stage, symlink } from './stage.ts';

interface Attack {
  readonly layers: (stage: Stage) => readonly (readonly Item[])[];
  /** The code of the refusal. Nothing is unpacked then. */
  readonly refused?: string;
  /** Some lines of the unpacked folder. */
  readonly unpacked?: (stage: Stage) => readonly string[];
}

/** The path of a folder of this machine within the unpacked folder, where a link to it leads. */
function inside(path: string): string {
  return path.slice(1);
}

const attacks: Readonly<Record<string, Attack>> = {
  'T54, row 1: a name that begins with ..': { layers: () => [[['../x', 'x']]], refused: 'MANIFEST_INVALID' },
  'T54, row 1: an absolute name is below the folder': {
    layers: ({ outside }) => [[[`${outside}/x`, 'x']]],
    unpacked: ({ outside }) => [`${inside(outside)}/x = x`],
  },
  'T54, row 1: a name that leads out in its middle': {
    layers: () => [[['a/../../x', 'x']]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 1: a backslash and a drive are plain names on this system': {
    layers: () => [
      [
        ['..\\x', 'x'],
        ['C:x', 'y'],
      ],
    ],
    unpacked: () => ['..\\x = x', 'C:x = y'],
  },
  'T54, row 1: a name of 256 bytes': { layers: () => [[['n'.repeat(256), 'x']]], refused: 'IO_FAILED' },
  'T54, row 1: a path of more than 4096 bytes': {
    layers: () => [[['n/'.repeat(2100), dir]]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 2: a file through a link of the same layer': {
    layers: ({ outside }) => [
      [
        ['d', symlink(outside)],
        ['d/x', 'x'],
      ],
    ],
    unpacked: ({ outside }) => [`d -> ${outside}`, `${inside(outside)}/x = x`],
  },
  'T54, row 2: a file through a link of the layer below': {
    layers: ({ outside }) => [[['d', symlink(outside)]], [['d/victim', 'x']]],
    unpacked: ({ outside }) => [`${inside(outside)}/victim = x`],
  },
  'T54, row 2: a file through a link upward': {
    layers: () => [[['d', symlink('../../outside')]], [['d/victim', 'x']]],
    unpacked: () => ['d -> ../../outside', 'outside/victim = x'],
  },
  'T54, row 2: a whiteout through a link': {
    layers: ({ outside }) => [[['d', symlink(outside)]], [['d/.wh.victim']]],
    unpacked: ({ outside }) => [`d -> ${outside}`],
  },
  'T54, row 2: an opaque directory through a link': {
    layers: ({ outside }) => [[['d', symlink(outside)]], [['d/.wh..wh..opq']]],
    unpacked: ({ outside }) => [`d -> ${outside}`],
  },
  'T54, row 2: a directory in place of a link': {
    layers: ({ outside }) => [
      [['d', symlink(outside)]],
      [
        ['d', dir],
        ['d/victim', 'x'],
      ],
    ],
    unpacked: () => ['d /', 'd/victim = x'],
  },
  'T54, row 3: a root that is a link': {
    layers: ({ outside }) => [
      [
        ['.', symlink(outside)],
        ['x', 'x'],
      ],
    ],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 3: a root with a slash that is a link': {
    layers: ({ outside }) => [[['./', symlink(outside)]]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 4: a hard link to a file of this machine': {
    layers: ({ outside }) => [[['x', hard(`${outside}/victim`)]]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 4: a hard link upward': {
    layers: () => [[['x', hard('../../outside/victim')]]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 4: a hard link to a symbolic link is another symbolic link': {
    layers: ({ outside }) => [
      [
        ['l', symlink(`${outside}/victim`)],
        ['x', hard('l')],
      ],
    ],
    unpacked: ({ outside }) => [`l -> ${outside}/victim`, `x -> ${outside}/victim`],
  },
  'T54, row 4: a hard link through a chain of links': {
    layers: () => [
      [
        ['a/b/c/up', symlink('../..')],
        ['a/b/escape', symlink('c/up/../..')],
        ['x', hard('a/b/escape/outside/victim')],
      ],
    ],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 5: a hard link whose target exists only in the current folder of the process': {
    layers: () => [[['x', hard('package.json')]]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 6: a folder whose name begins like the unpacked one': {
    layers: () => [[['../out-evil/victim', 'x']]],
    refused: 'MANIFEST_INVALID',
  },
  'T54, row 6: a link to a folder whose name begins like the unpacked one': {
    layers: () => [
      [
        ['d', symlink('../out-evil')],
        ['d/victim', 'x'],
      ],
    ],
    unpacked: () => ['d -> ../out-evil', 'out-evil/victim = x'],
  },
  'T54, row 8: names that differ in case are two on this file system': {
    layers: ({ outside }) => [
      [
        ['Link', symlink(outside)],
        ['link/victim', 'x'],
      ],
    ],
    unpacked: () => ['link/victim = x'],
  },
  'row 12: ten thousand nested directories': {
    layers: () => [[['d/'.repeat(10_000), dir]]],
    refused: 'MANIFEST_INVALID',
  },
  'ggcr#2268: a link of a library upward stays': {
    layers: () => [[['lib64/ld.so', symlink('../lib/ld.so')]]],
    unpacked: () => ['lib64/ld.so -> ../lib/ld.so'],
  },
  'go-microvm#38: a file replaces the link of a layer below': {
    layers: () => [
      [
        ['usr/bin/env', symlink('/bin/busybox')],
        ['bin/busybox', 'busybox'],
      ],
      [['usr/bin/env', 'coreutils']],
    ],
    unpacked: () => ['bin/busybox = busybox', 'usr/bin/env = coreutils'],
  },
  'T57: an opaque root empties it': {
    layers: () => [
      [
        ['old', 'x'],
        ['d/old', 'x'],
      ],
      [['.wh..wh..opq'], ['new', 'y']],
    ],
    unpacked: () => ['new = y'],
  },
};

describe('unpacking hostile images', {
  skip: process.platform === 'win32' && 'the names are those of POSIX',
}, () => {
  for (const [title, { layers, refused, unpacked }] of Object.entries(attacks)) {
    it(title, async (test) => {
      const place = await stage(test);
      const before = place.rest();
      const image = await imageOf(...layers(place));
      const unpacking = openFileSystem(image).then((files) => unpackFiles(files, place.out));
      if (refused === undefined) {
        await unpacking;
        const lines = linesOf(place.out);
        for (const line of unpacked?.(place) ?? [])
          assert.ok(lines.includes(line), `${line} of ${lines.join('\n')}`);
        if (title.startsWith('T57')) assert.deepEqual(lines, unpacked?.(place));
      } else {
        await assert.rejects(unpacking, (error) => isGantryError(error) && error.code === refused);
        assert.ok(!existsSync(place.out));
      }
      assert.deepEqual(place.rest(), before);
    });
  }

  it('row 9: a folder that another process swaps for a link meanwhile gets nothing more', {
    skip: process.platform !== 'linux' && 'only Linux has paths through open handles',
  }, async (test) => {
    const place = await stage(test);
    const tar = gzipSync(
      await layerOf([
        ['a', 'first'],
        ['victim', 'x'],
        ['z', 'last'],
      ]),
    );
    const parent = dirname(place.out);
    const content: Content = {
      size: tar.byteLength,
      replayable: true,
      async *open() {
        const [draft = ''] = readdirSync(parent).filter((name) => name.startsWith('.gantry-draft-'));
        // A reading without a draft is one for the headers.
        if (draft !== '') {
          renameSync(join(parent, draft, 'root'), join(parent, draft, 'moved'));
          symlinkSync(place.outside, join(parent, draft, 'root'));
        }
        yield tar;
      },
    };
    const image = createImage({
      config: { os: 'linux', architecture: 'amd64' },
      layers: [createLayer(content)],
    });
    const before = place.rest();
    const files = await openFileSystem(image);
    await assert.rejects(unpackFiles(files, place.out), { code: 'IO_FAILED' });
    assert.deepEqual(place.rest(), before);
    assert.ok(!existsSync(place.out));
  });

  it('row 10: a pipe in the place of a known file is neither read nor made', async (test) => {
    const place = await stage(test);
    const image = await imageOf([
      ['etc', dir],
      ['etc/passwd', { type: 'fifo' }],
    ]);
    await assert.rejects(openImageFile(image, 'etc/passwd'), { code: 'UNSUPPORTED' });
    const { leftOut } = await unpackFiles(await openFileSystem(image), place.out);
    assert.deepEqual(leftOut, [{ path: 'etc/passwd', part: 'fifo' }]);
    assert.deepEqual(linesOf(place.out), ['etc /']);
  });

  it('row 12: an image that unpacks to more than the limit is refused', async () => {
    const image = await imageOf([['zeros', '0'.repeat(100_000)]]);
    await assert.rejects(openFileSystem(image, { unpack: { bytes: 50_000 } }), { code: 'TOO_LARGE' });
  });

  it('a folder with content is refused, and its content stays', async (test) => {
    const place = await stage(test);
    const files = await openFileSystem(await imageOf([['a', 'x']]));
    mkdirSync(place.out);
    writeFileSync(join(place.out, 'own'), 'mine');
    await assert.rejects(unpackFiles(files, place.out), { code: 'INVALID_OPTION' });
    assert.deepEqual(linesOf(place.out), ['own = mine']);
    await assert.rejects(unpackFiles(files, join(place.out, 'own')), { code: 'INVALID_OPTION' });
    await assert.rejects(unpackFiles(files, join(place.out, 'none', 'new')), { code: 'NAME_UNKNOWN' });
  });

  it('an empty folder, and a link to one, becomes the folder of the files', async (test) => {
    const place = await stage(test);
    const files = await openFileSystem(await imageOf([['a', 'x']]));
    mkdirSync(place.out);
    const link = join(dirname(place.out), 'link');
    symlinkSync(place.out, link);
    await unpackFiles(files, link);
    assert.deepEqual(linesOf(place.out), ['a = x']);
  });
});

describe('names that a system cannot have', () => {
  for (const [path, words] of [
    ['C:../x', /character/],
    ['a/b:stream', /character/],
    ['a\\..\\b', /character/],
    ['a/con', /device/],
    ['NUL.txt', /device/],
    ['com1/x', /device/],
    ['dot.', /dot/],
    ['a /b', /dot/],
  ] as const) {
    it(`T54, row 7: Windows refuses ${path}`, () => {
      assert.match(nameProblem(path, 'win32') ?? '', words);
      assert.equal(nameProblem(path, 'linux'), undefined);
    });
  }

  it('plain names are fine on every system, and bytes that are no UTF-8 only on Linux', () => {
    for (const system of ['win32', 'darwin', 'linux'] as const) {
      assert.equal(nameProblem('usr/lib/node.js', system), undefined);
    }
    assert.match(nameProblem('caf\udce9', 'darwin') ?? '', /UTF-8/);
    assert.equal(nameProblem('caf\udce9', 'linux'), undefined);
  });

  it('T56: names that differ in case or composition are one where the file system ignores that', () => {
    assert.equal(foldedName('a/Link'), foldedName('a/link'));
    assert.equal(foldedName('caf\u00e9'), foldedName('cafe\u0301'));
    assert.notEqual(foldedName('a/b'), foldedName('ab'));
  });
});
