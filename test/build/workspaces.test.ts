import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gantry } from '../cli/gantry.ts';
import { buildStage, type Files, layersAbove, names, pathsIn, runOf } from './stage.ts';

const below = 2;

/** A workspace of npm: `web` needs `lib` and `a`, `lib` needs `b`, and `other` needs `c`. */
const workspace: Files = {
  'package.json': JSON.stringify({
    private: true,
    workspaces: ['packages/*', '!packages/no'],
    devDependencies: { dev: '1' },
  }),
  'packages/web/package.json': JSON.stringify({
    name: 'web',
    main: 'main.js',
    dependencies: { lib: '*', a: '1' },
  }),
  'packages/web/main.js': "console.log(require('lib'), require('a'));\n",
  'packages/web/node_modules/a/package.json': JSON.stringify({ name: 'a', version: '2.0.0' }),
  'packages/web/node_modules/a/index.js': "module.exports = 'a2';\n",
  'packages/web/.dockerignore': 'notes\n',
  'packages/web/notes/a': 'a',
  'packages/lib/package.json': JSON.stringify({ name: 'lib', dependencies: { b: '1' } }),
  'packages/lib/index.js': "module.exports = require('b');\n",
  'packages/lib/.dockerignore': 'test\n',
  'packages/lib/test/a.js': 'a',
  'packages/other/package.json': JSON.stringify({ name: 'other', dependencies: { c: '1' } }),
  'packages/other/index.js': '',
  'node_modules/web': '-> ../packages/web',
  'node_modules/lib': '-> ../packages/lib',
  'node_modules/other': '-> ../packages/other',
  'node_modules/a/package.json': JSON.stringify({ name: 'a', version: '1.0.0' }),
  'node_modules/b/package.json': JSON.stringify({ name: 'b', version: '1.0.0' }),
  'node_modules/b/index.js': "module.exports = 'b';\n",
  'node_modules/c/package.json': JSON.stringify({ name: 'c', version: '1.0.0' }),
  'node_modules/dev/package.json': JSON.stringify({ name: 'dev', version: '1.0.0' }),
};

/** A tree of pnpm: each package in the store has links to its own dependencies beside it. */
const pnpmApp: Files = {
  'package.json': JSON.stringify({
    main: 'main.js',
    dependencies: { a: '1' },
    devDependencies: { dev: '1' },
  }),
  'pnpm-lock.yaml': 'lockfileVersion: "9.0"\n',
  'main.js': "console.log(require('a'));\n",
  'node_modules/a': '-> .pnpm/a@1.0.0/node_modules/a',
  'node_modules/dev': '-> .pnpm/dev@1.0.0/node_modules/dev',
  'node_modules/.modules.yaml': 'prunedAt: today\n',
  'node_modules/.bin/a': '#!/bin/sh\nexport NODE_PATH=/home/of/this/machine\n',
  'node_modules/.pnpm/lock.yaml': 'lockfileVersion: "9.0"\n',
  'node_modules/.pnpm/a@1.0.0/node_modules/a/package.json': JSON.stringify({
    name: 'a',
    version: '1.0.0',
    dependencies: { '@s/b': '1' },
  }),
  'node_modules/.pnpm/a@1.0.0/node_modules/a/index.js': "module.exports = require('@s/b');\n",
  'node_modules/.pnpm/a@1.0.0/node_modules/@s/b': '-> ../../../@s+b@1.0.0/node_modules/@s/b',
  'node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b/package.json': JSON.stringify({
    name: '@s/b',
    version: '1.0.0',
  }),
  'node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b/index.js': "module.exports = 'b';\n",
  'node_modules/.pnpm/dev@1.0.0/node_modules/dev/package.json': JSON.stringify({
    name: 'dev',
    version: '1.0.0',
  }),
  'node_modules/.pnpm/node_modules/@s/b': '-> ../../@s+b@1.0.0/node_modules/@s/b',
  'node_modules/.pnpm/node_modules/dev': '-> ../dev@1.0.0/node_modules/dev',
};

describe('building a package of a workspace', () => {
  it('A package gets the other packages that it needs, below the same folders, in a layer of their own.', async (test) => {
    const at = await buildStage(test);
    await at.write(workspace);
    const { layers } = await at.client.build(join(at.home, 'packages/web'), { base: at.base, to: at.app });
    assert.deepEqual(
      layers.map(({ name }) => name),
      ['dependencies', 'workspace packages', 'application'],
    );
    const [dependencies, packages, application] = await layersAbove(await at.client.getImage(at.app), below);
    assert.deepEqual(names(dependencies), [
      'app/',
      'app/node_modules/',
      'app/node_modules/b/',
      'app/node_modules/b/index.js',
      'app/node_modules/b/package.json',
      'app/node_modules/lib',
      'app/node_modules/web',
      'app/packages/',
      'app/packages/web/',
      'app/packages/web/node_modules/',
      'app/packages/web/node_modules/a/',
      'app/packages/web/node_modules/a/index.js',
      'app/packages/web/node_modules/a/package.json',
    ]);
    assert.deepEqual(names(packages), [
      'app/',
      'app/packages/',
      'app/packages/lib/',
      'app/packages/lib/index.js',
      'app/packages/lib/package.json',
    ]);
    assert.deepEqual(names(application), [
      'app/',
      'app/packages/',
      'app/packages/web/',
      'app/packages/web/main.js',
      'app/packages/web/package.json',
    ]);
    const { WorkingDir, Entrypoint } = await runOf(at, at.app);
    assert.deepEqual([WorkingDir, Entrypoint], ['/app/packages/web', ['node', 'main.js']]);
    await at.client.build(join(at.home, 'packages/web'), { base: at.base, to: at.app, workingDir: '/' });
    assert.equal((await runOf(at, at.app))['WorkingDir'], '/packages/web');
  });

  it('The root of a workspace gets all of its packages.', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...workspace, 'packages/no/package.json': '{ "dependencies": { "missing": "1" } }' });
    const words = ['build', '-b', at.base, '-t', at.app, '--entrypoint', 'node,packages/web/main.js'];
    const ended = await gantry(words, { cwd: at.home });
    assert.equal(ended.code, 0, ended.stderr);
    const paths = await pathsIn(await at.client.getImage(at.app));
    assert.ok(paths.includes('app/packages/other/index.js'));
    assert.ok(paths.includes('app/node_modules/c/package.json'));
    assert.ok(paths.includes('app/node_modules/web'));
    assert.equal(paths.includes('app/node_modules/dev'), false);
    assert.equal((await runOf(at, at.app))['WorkingDir'], '/app');
  });

  it('A folder below a workspace that no pattern names is an application of its own.', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...workspace, 'tools/one/package.json': '{}', 'tools/one/index.js': '' });
    await at.client.build(join(at.home, 'tools/one'), { base: at.base, to: at.app });
    const layers = await layersAbove(await at.client.getImage(at.app), below);
    assert.deepEqual(layers.map(names), [['app/', 'app/index.js', 'app/package.json']]);
  });
});

describe('building from a tree of pnpm', () => {
  // id: T73
  it('The tree keeps its symbolic links, all of their targets are in the image, and no file names this machine.', async (test) => {
    const at = await buildStage(test);
    await at.write(pnpmApp);
    await at.client.build(at.home, { base: at.base, to: at.app });
    const [entries = [], ...others] = await layersAbove(await at.client.getImage(at.app), below);
    assert.equal(others.length, 1);
    const links = entries.filter(({ type }) => type === 'symlink');
    assert.deepEqual(
      links.map(({ name, linkname }) => [name, linkname]),
      [
        ['app/node_modules/.pnpm/a@1.0.0/node_modules/@s/b', '../../../@s+b@1.0.0/node_modules/@s/b'],
        ['app/node_modules/.pnpm/node_modules/@s/b', '../../@s+b@1.0.0/node_modules/@s/b'],
        ['app/node_modules/a', '.pnpm/a@1.0.0/node_modules/a'],
      ],
    );
    const all = new Set(names(entries).map((name) => name.replace(/\/$/, '')));
    for (const { name, linkname = '' } of links)
      assert.ok(all.has(join(name, '..', linkname)), `${name} -> ${linkname}`);
    for (const gone of ['.modules.yaml', 'lock.yaml', 'dev', '.bin'])
      assert.equal(
        [...all].some((name) => name.split('/').includes(gone)),
        false,
        gone,
      );
  });

  it('A package of a pnpm workspace is found by pnpm-workspace.yaml.', async (test) => {
    const at = await buildStage(test);
    const { 'package.json': manifest = '', 'main.js': main = '', 'node_modules/a': _, ...store } = pnpmApp;
    await at.write({
      ...store,
      'pnpm-workspace.yaml': 'packages:\n  - apps/**\n',
      'apps/deep/web/package.json': manifest,
      'apps/deep/web/main.js': main,
      'apps/deep/web/node_modules/a': '-> ../../../../node_modules/.pnpm/a@1.0.0/node_modules/a',
    });
    await at.client.build(join(at.home, 'apps/deep/web'), { base: at.base, to: at.app });
    const paths = await pathsIn(await at.client.getImage(at.app));
    assert.ok(paths.includes('app/apps/deep/web/node_modules/a'));
    assert.ok(paths.includes('app/node_modules/.pnpm/@s+b@1.0.0/node_modules/@s/b/index.js'));
    assert.equal((await runOf(at, at.app))['WorkingDir'], '/app/apps/deep/web');
  });
});
