import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { put } from '../edit/stage.ts';
import { baseOf, buildStage, layersAbove, names, npmApp, pathsIn, runOf } from './stage.ts';

const below = 2;

describe('building a Node application', () => {
  it('The dependencies are those that Node needs at run time, with their commands, in a layer of their own.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const { startedBy } = await at.client.build(at.home, { base: at.base, to: at.app });
    assert.equal(startedBy, 'scripts.start');
    const [dependencies, application] = await layersAbove(await at.client.getImage(at.app), below);
    assert.deepEqual(names(dependencies), [
      'app/',
      'app/node_modules/',
      'app/node_modules/.bin/',
      'app/node_modules/.bin/a',
      'app/node_modules/a/',
      'app/node_modules/a/cli.js',
      'app/node_modules/a/index.js',
      'app/node_modules/a/node_modules/',
      'app/node_modules/a/node_modules/b/',
      'app/node_modules/a/node_modules/b/index.js',
      'app/node_modules/a/node_modules/b/package.json',
      'app/node_modules/a/package.json',
    ]);
    assert.deepEqual(names(application), [
      'app/',
      'app/lib/',
      'app/lib/more.js',
      'app/package.json',
      'app/server.js',
    ]);
  });

  // id: T75
  it('Node itself is the first process, so that SIGTERM reaches it; the environment is that of production.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await at.client.build(at.home, { base: at.base, to: at.app });
    const run = await runOf(at, at.app);
    assert.deepEqual(run['Entrypoint'], ['node', 'server.js']);
    assert.equal(run['Cmd'], undefined);
    assert.equal(run['WorkingDir'], '/app');
    assert.ok(Object(run['Env']).includes('NODE_ENV=production'));
    await at.client.build(at.home, { base: at.base, to: at.app, env: { NODE_ENV: 'test' }, cmd: ['--fast'] });
    const changed = await runOf(at, at.app);
    assert.ok(Object(changed['Env']).includes('NODE_ENV=test'));
    assert.deepEqual(changed['Cmd'], ['--fast']);
  });

  it('A base that starts node itself keeps its entrypoint, and the start file is the argument.', async (test) => {
    const at = await buildStage(test);
    await put(at, 'distroless', await baseOf('amd64', { Entrypoint: ['/nodejs/bin/node'], Cmd: undefined }));
    await at.write(npmApp);
    await at.client.build(at.home, { base: `${at.host}/distroless:1`, to: at.app, cmd: ['--fast'] });
    const run = await runOf(at, at.app);
    assert.deepEqual(run['Entrypoint'], ['/nodejs/bin/node']);
    assert.deepEqual(run['Cmd'], ['server.js', '--fast']);
  });

  for (const [what, manifest, files, words] of [
    [
      'a start script with options',
      { scripts: { start: 'node --enable-source-maps -r ./a.js b.js --port 80' } },
      ['b.js'],
      ['--enable-source-maps', '-r', './a.js', 'b.js', '--port', '80'],
    ],
    [
      'a start script that needs a shell, and main',
      { scripts: { start: 'A=1 node b.js' }, main: './lib' },
      ['lib/index.js'],
      ['./lib'],
    ],
    [
      'a start script of another program, and bin',
      { scripts: { start: 'next start' }, bin: { web: 'b.js' } },
      ['b.js'],
      ['b.js'],
    ],
    ['main without its extension', { main: 'b' }, ['b.js'], ['b']],
    ['node .', { scripts: { start: 'node .' }, main: 'b.js' }, ['b.js'], ['.']],
    ['server.js', {}, ['server.js', 'index.js'], ['server.js']],
    ['index.mjs', {}, ['index.mjs'], ['index.mjs']],
  ] as const) {
    it(`The start file comes from package.json: ${what}.`, async (test) => {
      const at = await buildStage(test);
      await at.write({ 'package.json': JSON.stringify(manifest) });
      await at.write(Object.fromEntries(files.map((name) => [name, ''])));
      await at.client.build(at.home, { base: at.base, to: at.app });
      assert.deepEqual((await runOf(at, at.app))['Entrypoint'], ['node', ...words]);
    });
  }

  for (const [own, given, user] of [
    [undefined, undefined, '1000'],
    ['0:0', undefined, '1000'],
    ['web', undefined, 'web'],
    ['web', 'root', 'root'],
  ] as const) {
    it(`The user is ${user} for a base with the user ${own} and the option ${given}.`, async (test) => {
      const at = await buildStage(test);
      await put(at, 'other', await baseOf('amd64', { User: own }));
      await at.write(npmApp);
      await at.client.build(at.home, { base: `${at.host}/other:1`, to: at.app, user: given });
      assert.equal((await runOf(at, at.app))['User'], user);
    });
  }

  it('The user is that of distroless images if the base knows no user for node.', async (test) => {
    const at = await buildStage(test);
    await at.write({ run: '#!/bin/sh\n' });
    await at.client.build(at.home, { base: 'scratch', entrypoint: ['/app/run'], to: at.app });
    assert.equal((await runOf(at, at.app))['User'], '65532');
  });

  it('Optional and peer dependencies that are not installed are not missed, and installed ones come along.', async (test) => {
    const at = await buildStage(test);
    const manifest = {
      main: 'a.js',
      dependencies: { both: '1', here: '1' },
      optionalDependencies: { gone: '1', both: '1' },
      peerDependencies: { peer: '1' },
    };
    await at.write({
      'package.json': JSON.stringify(manifest),
      'a.js': '',
      'node_modules/here/package.json': JSON.stringify({
        name: 'here',
        peerDependencies: { '@s/peer2': '*' },
      }),
      'node_modules/@s/peer2/package.json': '{}',
      'node_modules/@s/peer2/node_modules/inner/index.js': 'not named by any package',
      'node_modules/@s/peer2/test/node_modules/fixture/index.js': 'a file like any other',
    });
    await at.client.build(at.home, { base: at.base, to: at.app });
    const paths = await pathsIn(await at.client.getImage(at.app));
    assert.ok(paths.includes('app/node_modules/@s/peer2/package.json'));
    assert.ok(paths.includes('app/node_modules/@s/peer2/test/node_modules/fixture/index.js'));
    assert.equal(paths.includes('app/node_modules/@s/peer2/node_modules'), false);
  });
});
