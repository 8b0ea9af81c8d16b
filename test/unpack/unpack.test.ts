import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { decodeText, encodeText } from '../../src/tar/text.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { command, type Ended, finished, gantry, startGantry } from '../cli/gantry.ts';
import { store } from '../cli/images.ts';
import { dir, hard, type Item, imageOf, linesOf, stage, symlink } from './stage.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

const layers: readonly (readonly Item[])[] = [
  [
    ['bin', symlink('usr/bin')],
    ['usr', { ...dir, mtime: 1_400_000_000 }],
    ['usr/bin', { ...dir, mode: 0o555, mtime: 1_500_000_000 }],
    ['usr/bin/app', { mode: 0o4755, mtime: 1_600_000_000, size: 3, body: [new TextEncoder().encode('app')] }],
    ['closed', { ...dir, mode: 0o500, mtime: 1_300_000_000 }],
    ['closed/file', 'in a closed directory'],
    ['dev/null', { type: 'character-device', device: { major: 1, minor: 3 } }],
    ['dev/zero', hard('dev/null')],
    ['owned', { uid: 12, gid: 34, mode: 0o640 }],
  ],
  [
    ['alias', hard('usr/bin/app')],
    ['attributes', { xattrs: new Map([['user.a', new Uint8Array(1)]]) }],
  ],
];

const expected = [
  'alias = app',
  'attributes = ',
  'bin -> usr/bin',
  'closed /',
  'closed/file = in a closed directory',
  'dev /',
  'owned = ',
  'usr /',
  'usr/bin /',
  'usr/bin/app = app',
];

/** Runs gantry as another user, if this is root. */
async function asNobody(words: readonly string[], cwd: string): Promise<Ended> {
  const [file, ...first] = command;
  const env = { ...process.env, DOCKER_CONFIG: '/nonexistent', GANTRY_STATE_DIR: 'none', HOME: cwd };
  const user = isRoot ? { uid: nobody, gid: nobody } : {};
  return finished(spawn(file, [...first, ...words], { cwd, env, ...user }));
}

async function served(test: TestContext, image = imageOf(...layers)) {
  const registry = await startRegistry();
  atEnd(test, () => registry[Symbol.asyncDispose]());
  await store(registry.registry, 'app', ['1'], await image);
  return `${registry.host}/app:1`;
}

describe('gantry unpack', { skip: process.platform === 'win32' && 'the modes are those of POSIX' }, () => {
  for (const user of ['root', 'another user'] as const) {
    it(`T55: unpack as ${user} gives files and directories their modes and times`, {
      skip: user === 'root' && !isRoot && 'this user is not root',
    }, async (test) => {
      const { out } = await stage(test);
      const reference = await served(test);
      const parent = dirname(out);
      if (isRoot && user !== 'root') chownSync(parent, nobody, nobody);
      const words = ['unpack', '--json', reference, 'out'];
      const { code, stdout, stderr } = await (user === 'root'
        ? gantry(words, { cwd: parent })
        : asNobody(words, parent));
      assert.equal(code, 0, stderr);
      const { leftOut, ...told } = JSON.parse(stdout);
      assert.deepEqual(told, { image: reference, directory: 'out', entries: 10, bytes: 24 });
      assert.deepEqual(
        new Set(leftOut.map(({ path, part }: Readonly<Record<string, string>>) => `${path}: ${part}`)),
        new Set([
          'dev/null: device',
          'dev/zero: device',
          'usr/bin/app: setuid and setgid',
          'attributes: extended attributes',
        ]),
      );
      assert.deepEqual(linesOf(out), expected);
      const facts = (path: string): unknown => {
        const { mode, mtimeMs } = lstatSync(join(out, path));
        return [(mode & 0o7777).toString(8), mtimeMs / 1000];
      };
      assert.deepEqual(facts('usr'), ['755', 1_400_000_000]);
      assert.deepEqual(facts('usr/bin'), ['555', 1_500_000_000]);
      assert.deepEqual(facts('usr/bin/app'), ['755', 1_600_000_000]);
      assert.deepEqual(facts('closed'), ['500', 1_300_000_000]);
      const { uid } = statSync(join(out, 'owned'));
      assert.equal(uid, user === 'root' || !isRoot ? process.getuid?.() : nobody);
      assert.equal(statSync(join(out, 'alias')).ino, statSync(join(out, 'usr/bin/app')).ino);
      assert.deepEqual(readdirSync(parent).toSorted(), ['out', 'out-evil']);
    });
  }

  it('unpack --same-owner gives files their owners and setuid as root, and is refused for others', async (test) => {
    const { out } = await stage(test);
    const reference = await served(test);
    const parent = dirname(out);
    if (isRoot) {
      assert.equal((await gantry(['unpack', '--same-owner', reference, out])).code, 0);
      const { uid, gid } = statSync(join(out, 'owned'));
      assert.deepEqual([uid, gid, statSync(join(out, 'usr/bin/app')).mode & 0o7777], [12, 34, 0o4755]);
      chownSync(parent, nobody, nobody);
    }
    const { code } = await asNobody(['unpack', '--same-owner', reference, 'other'], parent);
    assert.equal(code, 2);
    assert.ok(!existsSync(join(parent, 'other')));
  });

  it('unpack names the parts that it leaves out on stderr, and prints nothing', async (test) => {
    const { out } = await stage(test);
    const { stdout, stderr } = await gantry(['unpack', await served(test), out]);
    assert.equal(stdout, '');
    assert.match(stderr, /left out: device of dev\/null/);
  });

  it('unpack keeps names that are no UTF-8', {
    skip: process.platform !== 'linux' && 'only Linux takes any bytes',
  }, async (test) => {
    const { out } = await stage(test);
    const name = decodeText(new Uint8Array([0x63, 0xe9]));
    const reference = await served(
      test,
      imageOf([
        [name, 'x'],
        ['l', symlink(name)],
      ]),
    );
    assert.equal((await gantry(['unpack', reference, out])).code, 0);
    const path = Buffer.concat([Buffer.from(`${out}/`), encodeText(name)]);
    assert.equal(readFileSync(path, 'utf8'), 'x');
    assert.equal(readFileSync(join(out, 'l'), 'utf8'), 'x');
  });

  it('a killed unpack leaves no folder, and the next one removes the rest', async (test) => {
    const { out } = await stage(test);
    const parent = dirname(out);
    const many = Array.from({ length: 20_000 }, (_, at): Item => [`d/f${at}`, 'x']);
    const reference = await served(test, imageOf([['d', dir], ...many]));
    const child = startGantry(['unpack', reference, out]);
    const closed = once(child, 'close');
    const begun = (): boolean => {
      const [draft] = readdirSync(parent).filter((name) => name.startsWith('.gantry-draft-'));
      return draft !== undefined && existsSync(join(parent, draft, 'root/d/f0'));
    };
    while (!begun() && child.exitCode === null) await new Promise((resolve) => setImmediate(resolve));
    child.kill('SIGKILL');
    await closed;
    assert.equal(child.exitCode, null);
    assert.ok(!existsSync(out));
    assert.equal(readdirSync(parent).length, 2);
    const { code, stderr } = await gantry(['unpack', reference, out]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(readdirSync(parent).toSorted(), ['out', 'out-evil']);
    assert.equal(readdirSync(join(out, 'd')).length, 20_000);
  });

  it('row 11: a digest that is a path is refused', async (test) => {
    const { out, rest } = await stage(test);
    const home = dirname(dirname(out));
    const reference = await served(test);
    await gantry(['pull', '--format=oci', reference, join(home, 'layout')]);
    const index = join(home, 'layout', 'index.json');
    writeFileSync(
      index,
      readFileSync(index, 'utf8').replace(/sha256:[0-9a-f]{64}/, 'sha256:../../../outside/victim'),
    );
    const before = rest();
    const { code } = await gantry(['unpack', `oci:${join(home, 'layout')}`, out]);
    assert.notEqual(code, 0);
    assert.deepEqual(rest(), before);
    assert.ok(!existsSync(out));
  });
});
