import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { type BuildStage, buildStage, type Files, npmApp } from './stage.ts';

/** Runs a build that fails. It says one line, and sends nothing. */
async function refused(at: BuildStage, code: number, ...words: readonly string[]): Promise<string> {
  const ended = await gantry(['build', at.home, '-b', at.base, '-t', at.app, ...words]);
  assert.equal(ended.code, code, ended.stderr);
  const [line = '', ...others] = ended.stderr.trimEnd().split('\n');
  assert.deepEqual(others, []);
  const changes = at.registry.requests.filter(({ method }) => method !== 'GET' && method !== 'HEAD');
  assert.deepEqual(changes, []);
  return line;
}

function appOf(manifest: object, files: Files = {}): Files {
  return { 'package.json': JSON.stringify(manifest), ...files };
}

const cases: readonly (readonly [what: string, code: number, named: RegExp, files: Files])[] = [
  ['a folder without package.json and without an entrypoint', 2, /package\.json/, { 'a.txt': 'a' }],
  ['a package.json that is no JSON', 1, /package\.json/, { 'package.json': '{' }],
  ['a package.json that is a list', 1, /package\.json/, { 'package.json': '[]' }],
  ['a package.json that names no file', 2, /package\.json/, appOf({ scripts: { start: 'next start' } })],
  ['a start file that does not exist', 3, /dist\/main\.js/, appOf({ main: 'dist/main.js' })],
  ['a start file outside of the folder', 3, /main/, appOf({ main: '../main.js' })],
  [
    'dependencies that are not installed, with npm',
    3,
    /npm ci/,
    appOf({ main: 'a.js', dependencies: { a: '1' } }, { 'a.js': '', 'package-lock.json': '{}' }),
  ],
  [
    'dependencies that are not installed, with pnpm',
    3,
    /pnpm install/,
    appOf({ main: 'a.js', dependencies: { a: '1' } }, { 'a.js': '', 'pnpm-lock.yaml': '' }),
  ],
  [
    "dependencies that are not installed, with yarn's Plug'n'Play",
    3,
    /nodeLinker/,
    appOf({ main: 'a.js', dependencies: { a: '1' } }, { 'a.js': '', '.pnp.cjs': '' }),
  ],
  [
    'a dependency of a dependency that is not installed',
    3,
    /node_modules\/a\/package\.json/,
    appOf(
      { main: 'a.js', dependencies: { a: '1' } },
      { 'a.js': '', 'node_modules/a/package.json': '{ "dependencies": { "b": "1" } }' },
    ),
  ],
  ['a link that leads out of the folder', 1, /up -> \.\.\/\.\./, { ...npmApp, up: '-> ../..' }],
  ['a link with an absolute target', 1, /abs -> \/etc\/passwd/, { ...npmApp, abs: '-> /etc/passwd' }],
  [
    'a link that leads out through another one',
    1,
    /lib\/out/,
    { ...npmApp, 'lib/out': '-> in/../../../x', 'lib/in': '-> .' },
  ],
  [
    'a dependency that is a link out of the folder',
    1,
    /node_modules\/c -> \.\.\/\.\.\/c/,
    appOf({ main: 'a.js', dependencies: { c: '1' } }, { 'a.js': '', 'node_modules/c': '-> ../../c' }),
  ],
  ['links that lead to one another', 1, /end/, { ...npmApp, x: '-> y', y: '-> x' }],
  ['a pattern that is no pattern', 2, /line 2/, { ...npmApp, '.dockerignore': 'a\n[b\n' }],
];

describe('bad input of a build', () => {
  for (const [what, code, named, files] of cases) {
    it(`${what} is refused in one line that names it, and nothing is sent`, async (test) => {
      const at = await buildStage(test);
      await at.write(files);
      assert.match(await refused(at, code), named);
    });
  }

  it('a folder that does not exist, and a file in its place, are refused', async (test) => {
    const at = await buildStage(test);
    await at.write({ 'a.txt': 'a' });
    const options = { base: at.base, to: at.app };
    await failsWith(at.client.build(join(at.home, 'none'), options), 'NAME_UNKNOWN');
    await failsWith(at.client.build(join(at.home, 'a.txt'), options), 'INVALID_OPTION');
  });

  it('wrong options are refused before the first request', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...npmApp, '.npmrc': '_authToken=1' });
    for (const words of [
      ['--layer', 'none:/a'],
      ['--layer', '.npmrc:/app/.npmrc'],
      ['--layer', 'server.js:relative'],
      ['--layer', 'server.js:/a,mode=9'],
      ['--workdir', 'relative'],
      ['--workdir', '/a/../b'],
      ['--expose', 'notaport'],
      ['--created', 'yesterday'],
      ['--compression', 'xz'],
      ['--ignore', 'none'],
      ['-a', 'k-'],
      ['-e', '=1'],
    ]) {
      const ended = await gantry(['build', at.home, '-b', at.base, '-t', at.app, ...words]);
      assert.ok(ended.code === 2 || ended.code === 3, `${words.join(' ')}: ${ended.code} ${ended.stderr}`);
      assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
    }
    assert.equal((await gantry(['build', at.home, '-b', at.base])).code, 2);
    assert.equal((await gantry(['build', at.home, '-t', at.app])).code, 2);
    assert.equal((await gantry(['build', at.home, '-b', 'scratch', '-t', at.app])).code, 2);
    assert.deepEqual(at.registry.requests, []);
  });

  it('a socket and a pipe are refused by their names, and the ignore file leaves them out', {
    skip: process.platform === 'win32' && 'Windows has no sockets in folders',
  }, async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(at.home, 'socket'), resolve));
    try {
      assert.match(await refused(at, 1), /socket/);
      await at.write({ '.dockerignore': 'socket\n' });
      await at.client.build(at.home, { base: at.base, to: `${at.host}/other:1` });
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
    execFileSync('mkfifo', [join(at.home, 'pipe')]);
    await failsWith(at.client.build(at.home, { base: at.base, to: at.app }), 'UNSUPPORTED');
  });

  for (const [what, change] of [
    ['grows', (home: string) => appendFileSync(join(home, 'lib/a.bin'), 'more')],
    ['becomes shorter', (home: string) => truncateSync(join(home, 'lib/a.bin'), 10)],
    ['disappears', (home: string) => rmSync(join(home, 'lib/b.js'))],
  ] as const) {
    it(`a file that ${what} while the folder is read ends the build, and nothing is sent`, async (test) => {
      const at = await buildStage(test);
      // The first file fills many blocks, so that the change comes while it is read, and before the second one is looked at.
      await at.write({ 'a.js': '', 'lib/a.bin': Buffer.alloc(64 * 2 ** 20), 'lib/b.js': 'x'.repeat(100) });
      let isChanged = false;
      const onEvent = ({ kind }: { readonly kind: string }): void => {
        if (kind === 'work' && !isChanged) change(at.home);
        isChanged ||= kind === 'work';
      };
      const options = { base: at.base, to: at.app, entrypoint: ['node', 'a.js'], onEvent };
      await failsWith(at.client.build(at.home, options), 'SIZE_INVALID');
      assert.equal(await at.client.exists(at.app), false);
    });
  }

  it('an aborted build ends at once, and leaves no temporary file', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...npmApp, 'lib/a.bin': Buffer.alloc(8 * 2 ** 20) });
    const abort = new AbortController();
    const onEvent = ({ kind }: { readonly kind: string }): void => {
      if (kind === 'work') abort.abort(new Error('enough'));
    };
    const options = { base: at.base, to: at.app, onEvent, signal: abort.signal };
    await assert.rejects(at.client.build(at.home, options), /enough/);
  });
});
