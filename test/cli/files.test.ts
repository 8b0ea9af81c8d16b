import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer } from '../../src/image/layer.ts';
import { openImageFile } from '../../src/image/open-file.ts';
import { openFileSystem } from '../../src/image/open-file-system.ts';
import type { TarEntry } from '../../src/tar/entry.ts';
import { readTar } from '../../src/tar/read.ts';
import { decodeText } from '../../src/tar/text.ts';
import { type TarFile, writeTar } from '../../src/tar/write.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { finished, gantry, startProgram } from './gantry.ts';
import { makeIndex, store } from './images.ts';

/** An entry of a layer. A text is the content of a file. */
type Item = readonly [name: string, what?: string | Partial<TarFile>];

const dir: Partial<TarFile> = { type: 'directory' };
const symlink = (linkname: string): Partial<TarFile> => ({ type: 'symlink', linkname });
const hard = (linkname: string): Partial<TarFile> => ({ type: 'link', linkname });

function tarOf(items: readonly Item[]): Promise<Uint8Array> {
  const files = items.map(([name, what = '']) => {
    if (typeof what !== 'string') return { name, ...what };
    const body = new TextEncoder().encode(what);
    return { name, size: body.byteLength, body: [body] };
  });
  return collect(writeTar(files), { limit: 2 ** 24, what: 'tar' });
}

async function imageOf(...layers: readonly (readonly Item[])[]): Promise<Image> {
  const tars = await Promise.all(layers.map(tarOf));
  return createImage({
    config: { os: 'linux', architecture: 'amd64' },
    layers: tars.map((tar) => createLayer(bytesContent(gzipSync(tar)))),
  });
}

async function entriesOf(tar: Uint8Array): Promise<readonly (TarEntry & { readonly text: string })[]> {
  const entries: (TarEntry & { readonly text: string })[] = [];
  for await (const { body, ...entry } of readTar(bytesContent(tar).open())) {
    const text = new TextDecoder().decode(await collect(body, { limit: 2 ** 20, what: entry.name }));
    entries.push({ ...entry, text });
  }
  return entries;
}

async function stdoutOf(words: readonly string[], cwd?: string): Promise<string> {
  const { code, stdout, stderr } = await gantry(words, cwd === undefined ? {} : { cwd });
  assert.equal(code, 0, stderr);
  return stdout;
}

const base: readonly Item[] = [
  ['etc', { ...dir, mode: 0o750, uid: 3, gid: 4, uname: 'sys', mtime: 1_600_000_000 }],
  ['etc/passwd', 'root'],
  ['etc/shadow', { ...hard('etc/passwd') }],
  ['dev', dir],
  ['dev/null', { type: 'character-device', device: { major: 1, minor: 3 }, mode: 0o666 }],
  ['bin', symlink('usr/bin')],
  ['usr', dir],
  ['usr/bin', dir],
  ['usr/bin/app', 'old'],
];
const upper: readonly Item[] = [
  ['usr', dir],
  ['usr/bin', dir],
  ['usr/bin/app', 'new app'],
  ['a', dir],
  [
    'a/file',
    { mtime: 1_500_000_000, nanoseconds: 5, xattrs: new Map([['user.k', new Uint8Array([0, 255])]]) },
  ],
  ['etc', { ...dir, mode: 0o750, uid: 3, gid: 4, uname: 'sys', mtime: 1_600_000_000 }],
  ['etc/.wh.passwd'],
];

describe('gantry export', () => {
  it('export writes parents first, and keeps owners, times, devices, links and extended attributes', async (test) => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await imageOf(base, upper));
    const cwd = await folder(test);
    assert.equal(await stdoutOf(['export', `${registry.host}/app:1`, 'out.tar'], cwd), '');
    const entries = await entriesOf(await readFile(join(cwd, 'out.tar')));
    assert.deepEqual(
      entries.map(({ name, type, text }) => `${name} ${type} ${text}`),
      [
        'a/ directory ',
        'dev/ directory ',
        'etc/ directory ',
        'usr/ directory ',
        'usr/bin/ directory ',
        'etc/shadow file root',
        'dev/null character-device ',
        'bin symlink ',
        'usr/bin/app file new app',
        'a/file file ',
      ],
    );
    const named = new Map(entries.map((entry) => [entry.name, entry]));
    const etc = named.get('etc/');
    assert.deepEqual(
      [etc?.mode, etc?.uid, etc?.gid, etc?.uname, etc?.mtime],
      [0o750, 3, 4, 'sys', 1_600_000_000],
    );
    assert.deepEqual(named.get('dev/null')?.device, { major: 1, minor: 3 });
    const file = named.get('a/file');
    assert.deepEqual(
      [file?.mtime, file?.nanoseconds, file?.xattrs],
      [1_500_000_000, 5, new Map([['user.k', new Uint8Array([0, 255])]])],
    );
  });

  it('export gives the same bytes twice, on stdout and from any place', async (test) => {
    await using registry = await startRegistry();
    const reference = `${registry.host}/app:1`;
    await store(registry.registry, 'app', ['1'], await imageOf(base, upper));
    const cwd = await folder(test);
    for (const place of ['oci:layout:1', 'oci-archive:a.tar', 'docker-archive:d.tar:app:1']) {
      await stdoutOf(['copy', reference, place], cwd);
    }
    const digests = new Set<string>();
    for (const place of [reference, reference, 'oci:layout', 'oci-archive:a.tar', 'docker-archive:d.tar']) {
      await stdoutOf(['export', place, 'out.tar'], cwd);
      digests.add(
        createHash('sha256')
          .update(await readFile(join(cwd, 'out.tar')))
          .digest('hex'),
      );
    }
    assert.equal(digests.size, 1);
    const { stdout } = await gantry(['export', reference, '-']);
    assert.ok(stdout.includes('usr/bin/app'));
  });

  it('export of one platform of an index exports that image', async (test) => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await makeIndex('hello'));
    const cwd = await folder(test);
    await stdoutOf(['export', '--platform', 'linux/arm64', `${registry.host}/app:1`, 'out.tar'], cwd);
    const [entry] = await entriesOf(await readFile(join(cwd, 'out.tar')));
    assert.equal(entry?.text, 'hello arm64');
  });

  const refused: readonly (readonly [problem: string, layers: readonly (readonly Item[])[]])[] = [
    ['a name that leads out of the image', [[['../a', 'x']]]],
    ['a name that leads out through a directory', [[['x/../../a', 'x']]]],
    ['a file below a file', [[['d', 'x']], [['d/x', 'y']]]],
    ['a hard link to a missing file', [[['a', hard('b')]]]],
    ['a root that is a symbolic link', [[['.', symlink('/tmp')]]]],
  ];
  for (const [problem, layers] of refused) {
    it(`export refuses ${problem}, and leaves no file`, async (test) => {
      await using registry = await startRegistry();
      await store(registry.registry, 'app', ['1'], await imageOf(...layers));
      const cwd = await folder(test);
      const { code, stderr } = await gantry(['export', `${registry.host}/app:1`, 'out.tar'], { cwd });
      assert.equal(code, 1, stderr);
      await assert.rejects(readFile(join(cwd, 'out.tar')), { code: 'ENOENT' });
    });
  }

  it('export refuses a folder as its file, and a tar beside --json on stdout', async (test) => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await imageOf(base));
    const cwd = await folder(test);
    const reference = `${registry.host}/app:1`;
    assert.equal((await gantry(['export', reference, '.'], { cwd })).code, 2);
    assert.equal((await gantry(['export', '--json', reference], { cwd })).code, 2);
    assert.equal((await gantry(['export', reference, 'none/out.tar'], { cwd })).code, 3);
    const told: unknown = JSON.parse(await stdoutOf(['export', '--json', reference, 'out.tar'], cwd));
    assert.deepEqual(told, { image: reference, file: 'out.tar' });
  });

  it('export of a damaged layer fails and leaves no file', async (test) => {
    const image = await imageOf(base);
    await using registry = await startRegistry();
    const cwd = await folder(test);
    await store(registry.registry, 'app', ['1'], image);
    await stdoutOf(['copy', `${registry.host}/app:1`, 'oci:layout:1'], cwd);
    const [layer] = (await image.manifest()).body.layers;
    const path = join(cwd, 'layout', 'blobs', 'sha256', layer?.digest.slice(7) ?? '');
    const bytes = await readFile(path);
    bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(path, bytes);
    assert.equal((await gantry(['export', 'oci:layout', 'out.tar'], { cwd })).code, 1);
    await assert.rejects(readFile(join(cwd, 'out.tar')), { code: 'ENOENT' });
  });

  it('export of an artifact of one layer writes its bytes, as crane does', async (test) => {
    await using registry = await startRegistry();
    const content = bytesContent(new TextEncoder().encode('an artifact'));
    const layers = [createLayer(content, { mediaType: 'application/vnd.acme.note' })];
    await store(
      registry.registry,
      'app',
      ['1'],
      createImage({ config: { os: '', architecture: '' }, layers }),
    );
    const cwd = await folder(test);
    await stdoutOf(['export', `${registry.host}/app:1`, 'out'], cwd);
    assert.equal(await readFile(join(cwd, 'out'), 'utf8'), 'an artifact');
  });
});

describe('exports of gantry, crane and podman', needs('crane', 'podman'), () => {
  it('gantry exports the same files as crane, for an image without links between layers', async (test) => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await imageOf(base, upper));
    const cwd = await folder(test);
    const listOf = async (tool: 'crane' | 'gantry'): Promise<unknown> => {
      const words = ['export', `${registry.host}/app:1`, `${tool}.tar`];
      const ended = await (tool === 'gantry'
        ? gantry(words, { cwd })
        : finished(startProgram(tool, words, { cwd })));
      assert.equal(ended.code, 0, ended.stderr);
      const entries = await entriesOf(await readFile(join(cwd, `${tool}.tar`)));
      return entries
        .filter(({ name }) => name !== 'etc/shadow')
        .map(({ name, type, mode, mtime, uid, gid, text }) =>
          [name.replace(/\/$/, ''), type, mode, mtime, uid, gid, text].join(' '),
        )
        .toSorted();
    };
    assert.deepEqual(await listOf('gantry'), await listOf('crane'));
  });

  it('GNU tar unpacks an export with hard links across layers, where crane loses the file', async (test) => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await imageOf([['b', 'content']], [['a', hard('b')]]));
    const cwd = await folder(test);
    await stdoutOf(['export', `${registry.host}/app:1`, 'out.tar'], cwd);
    execFileSync('tar', ['-xf', 'out.tar'], { cwd });
    assert.equal(await readFile(join(cwd, 'a'), 'utf8'), 'content');
  });
});

describe('gantry ls-files', () => {
  it('ls-files lists the merged files in the order of their names', async () => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await imageOf(base, upper));
    const reference = `${registry.host}/app:1`;
    const expected = [
      'a/',
      'a/file',
      'bin',
      'dev/',
      'dev/null',
      'etc/',
      'etc/shadow',
      'usr/',
      'usr/bin/',
      'usr/bin/app',
    ];
    assert.equal(await stdoutOf(['ls-files', reference]), `${expected.join('\n')}\n`);
    const long = await stdoutOf(['ls-files', '-l', reference]);
    assert.match(long, /^drwxr-x--- 3\/4 +0 2020-09-13T12:26:40Z etc\/$/m);
    assert.match(long, /^crw-rw-rw- 0\/0 +1,3 1970-01-01T00:00:00Z dev\/null$/m);
    assert.match(long, /^lrw-r--r-- .* bin -> usr\/bin$/m);
    const told: unknown = JSON.parse(await stdoutOf(['ls-files', '--json', reference]));
    assert.ok(typeof told === 'object' && told !== null && 'files' in told && Array.isArray(told.files));
    const file = told.files.find(({ path }) => path === 'a/file');
    assert.deepEqual([file.xattrs, file.layer], [{ 'user.k': 'AP8=' }, 1]);
  });

  it('a name that is no UTF-8 is shown escaped, and read by that name from the library', async () => {
    await using registry = await startRegistry();
    const name = decodeText(new Uint8Array([0x63, 0xe9]));
    const image = await imageOf([[name, 'content']]);
    await store(registry.registry, 'app', ['1'], image);
    assert.equal(await stdoutOf(['ls-files', `${registry.host}/app:1`]), 'c\\udce9\n');
    const file = await openImageFile(image, name);
    const bytes = await collect(file.open(), { limit: 100, what: 'file' });
    assert.equal(new TextDecoder().decode(bytes), 'content');
    assert.equal((await openFileSystem(image)).find(name)?.size, 7);
  });
});

describe('gantry cat', () => {
  const layers: readonly (readonly Item[])[] = [
    [
      ['etc', dir],
      ['etc/a', 'bottom'],
      ['etc/b', hard('etc/a')],
      ['etc/gone', 'x'],
      ['d', dir],
      ['d/x', 'x'],
      ['lib', symlink('usr/lib')],
      ['usr', dir],
      ['usr/lib', dir],
      ['usr/lib/release', 'the release'],
      ['etc/release', symlink('../../../lib/release')],
      ['loop', symlink('loop')],
    ],
    [['etc', dir], ['etc/a', 'middle'], ['etc/.wh.gone'], ['d', 'now a file']],
    [
      ['etc', dir],
      ['etc/top', 'top'],
    ],
  ];
  const rows: readonly (readonly [title: string, path: string, expected: string | number])[] = [
    ['T48: cat of a file that a whiteout removed exits with 3', '/etc/gone', 3],
    ['T49: cat follows a symbolic link within the root', 'etc/release', 'the release'],
    ['T49: cat of a loop of symbolic links exits with 1', 'loop', 1],
    ['T50: cat of a hard link whose file was replaced above reads the old content', 'etc/b', 'bottom'],
    ['T51: cat below a directory that became a file exits with 3', 'd/x', 3],
    ['cat of a directory exits with 1', 'etc', 1],
    ['cat of a file that no layer has exits with 3', 'etc/none', 3],
    ['cat follows a linked directory', 'lib/release', 'the release'],
    ['cat reads the highest layer that has the file', '/etc/a', 'middle'],
  ];
  for (const [title, path, expected] of rows) {
    it(title, async () => {
      await using registry = await startRegistry();
      await store(registry.registry, 'app', ['1'], await imageOf(...layers));
      const { code, stdout, stderr } = await gantry(['cat', `${registry.host}/app:1`, path]);
      if (typeof expected === 'string') assert.deepEqual([code, stdout], [0, expected], stderr);
      else assert.deepEqual([code, stdout], [expected, '']);
    });
  }

  it('T52: cat of a file in the top layer of three fetches one layer, once', async () => {
    await using registry = await startRegistry();
    const image = await imageOf(...layers);
    await store(registry.registry, 'app', ['1'], image);
    const { body } = await image.manifest();
    const { stderr, stdout, code } = await gantry(['-v', 'cat', `${registry.host}/app:1`, 'etc/top']);
    assert.deepEqual([code, stdout], [0, 'top']);
    const asks = stderr.split('\n').filter((line) => line.includes('--> GET'));
    const fetched = body.layers.map(({ digest }) => asks.filter((line) => line.includes(digest)).length);
    assert.deepEqual(fetched, [0, 0, 1]);
  });
});
