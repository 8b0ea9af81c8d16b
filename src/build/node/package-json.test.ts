import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { folder } from '../../../test/folder.ts';
import { nodeEntry } from './entry.ts';
import { type PackageJson, readPackageJson } from './package-json.ts';

interface Package {
  readonly root: string;
  readonly manifest: PackageJson;
}

async function read(test: TestContext, document: object): Promise<Package> {
  const root = await folder(test);
  writeFileSync(join(root, 'package.json'), JSON.stringify(document));
  return { root, manifest: readPackageJson(root, '') ?? assert.fail() };
}

describe('package.json', () => {
  for (const [document, fields] of [
    [{ license: 'MIT' }, { license: 'MIT' }],
    [{ license: { type: 'MIT' } }, { license: 'MIT' }],
    [{ licenses: [{ type: 'MIT' }, { type: 'BSD' }] }, { license: 'MIT' }],
    [{ licenses: 'MIT' }, { license: undefined }],
    [{ workspaces: ['a', 7, 'b'] }, { workspaces: ['a', 'b'] }],
    [{ workspaces: { packages: ['a'], nohoist: ['x'] } }, { workspaces: ['a'] }],
    [{ workspaces: { packages: 'a' } }, { workspaces: ['a'] }],
    [{ workspaces: {} }, { workspaces: [] }],
    [{ bin: 'a.js' }, { bin: ['a.js'] }],
    [{ bin: { a: 'a.js', b: 'b.js', c: null } }, { bin: ['a.js', 'b.js'] }],
    [
      { os: 'linux', cpu: ['x64'], libc: null },
      { os: ['linux'], cpu: ['x64'], libc: [] },
    ],
    [
      { dependencies: ['a'], optionalDependencies: { b: '1' } },
      { dependencies: [], optionalDependencies: ['b'] },
    ],
    [
      { name: 7, version: '', main: [], engines: 'node' },
      { name: undefined, main: undefined, node: undefined },
    ],
  ] as const) {
    it(`${JSON.stringify(document)} is understood as npm does`, async (test) => {
      const found = new Map(Object.entries((await read(test, document)).manifest));
      for (const [name, value] of Object.entries(fields)) assert.deepEqual(found.get(name), value, name);
    });
  }

  it('is refused above 4 MiB', async (test) => {
    await assert.rejects(read(test, { name: 'x'.repeat(4 * 2 ** 20) }), { code: 'TOO_LARGE' });
  });
});

describe('the start file of an application', () => {
  for (const [what, document, file] of [
    [
      'an option with its value in the next word',
      { scripts: { start: 'node --import tsx -C dev a.js' } },
      'a.js',
    ],
    [
      'a start script without a file, and main',
      { scripts: { start: 'node --title web' }, main: 'b.js' },
      'b.js',
    ],
    ['a start script with a quote, and main', { scripts: { start: 'node "a.js"' }, main: 'b.js' }, 'b.js'],
    ['main before bin', { main: 'a.js', bin: 'b.js' }, 'a.js'],
    ['one file that exists, before two commands', { bin: { a: 'a.js', b: 'b.js' } }, 'index.js'],
    ['node . without main', { scripts: { start: 'node .' } }, 'index.js'],
    ['a folder', { main: './lib/' }, 'lib/index.js'],
  ] as const) {
    it(`is found behind ${what}`, async (test) => {
      const { root, manifest } = await read(test, document);
      for (const name of ['a.js', 'b.js', 'index.js']) writeFileSync(join(root, name), '');
      mkdirSync(join(root, 'lib'));
      writeFileSync(join(root, 'lib/index.js'), '');
      assert.equal(nodeEntry(root, '', manifest).file, file);
    });
  }

  it('that is named and missing is FILE_UNKNOWN with the member that names it, also outside of the folder', async (test) => {
    for (const [document, named] of [
      [{ scripts: { start: 'node dist/a.js' } }, /dist\/a\.js.*scripts\.start/],
      [{ bin: '../a.js' }, /\.\.\/a\.js.*bin/],
      [{ main: '/etc/passwd' }, /etc\/passwd.*main/],
    ] as const) {
      const { root, manifest } = await read(test, document);
      assert.throws(() => nodeEntry(root, '', manifest), { code: 'FILE_UNKNOWN', message: named });
    }
  });

  it('that nothing names is INVALID_OPTION, and says whether the start script is the reason', async (test) => {
    for (const [document, reason] of [
      [{}, /names no file to start: add/],
      [{ scripts: { start: 'next start' } }, /start script is no plain call of node/],
    ] as const) {
      const { root, manifest } = await read(test, document);
      assert.throws(() => nodeEntry(root, '', manifest), { code: 'INVALID_OPTION', message: reason });
    }
  });
});
