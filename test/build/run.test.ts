import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { type BuildStage, buildStage, type Files, layersAbove, names, runOf, writeFiles } from './stage.ts';

const run = promisify(execFile);

/** Packages that npm installs from the disk: `a` needs `b`, and `dev` needs `b` and `c`. */
const packages: Files = {
  'packages/a/package.json': JSON.stringify({
    name: 'a',
    version: '1.0.0',
    bin: 'cli.js',
    dependencies: { b: 'file:../b' },
  }),
  'packages/a/index.js': "module.exports = 'a' + require('b');\n",
  'packages/a/cli.js': '#!/usr/bin/env node\n',
  'packages/b/package.json': JSON.stringify({ name: 'b', version: '1.0.0' }),
  'packages/b/index.js': "module.exports = 'b';\n",
  'packages/c/package.json': JSON.stringify({ name: 'c', version: '1.0.0' }),
  'packages/dev/package.json': JSON.stringify({
    name: 'dev',
    version: '1.0.0',
    dependencies: { b: 'file:../b', c: 'file:../c' },
  }),
};

const server =
  "process.on('SIGTERM', () => { console.log('ended'); process.exit(7); });\n" +
  'setInterval(() => undefined, 1000);\n' +
  "console.log(require('a'), process.env.NODE_ENV);\n";

/** Installs the packages of a folder with npm, without the network. */
async function install(directory: string, ...options: readonly string[]): Promise<void> {
  const words = ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', ...options];
  await run('npm', words, { cwd: directory });
}

function manifest(name: string, dependencies: object): string {
  return JSON.stringify({ name, version: '1.0.0', main: 'index.js', dependencies });
}

/** Unpacks the image, starts it with its config, and ends it with SIGTERM. Returns its output and exit code. */
async function started(at: BuildStage, directory: string) {
  await at.client.unpack(at.app, directory);
  const { Entrypoint, Cmd = [], WorkingDir, Env } = await runOf(at, at.app);
  const [program = '', ...words] = [...Object(Entrypoint), ...Object(Cmd)].map(String);
  assert.equal(program, 'node');
  const env = Object.fromEntries([...Object(Env)].map((entry) => String(entry).split('=', 2)));
  const child = spawn(process.execPath, words, { cwd: join(directory, String(WorkingDir)), env });
  const output = text(child.stdout);
  await once(child.stdout, 'readable');
  child.kill('SIGTERM');
  const [code] = await once(child, 'close');
  return { output: await output, code };
}

describe('running a built application', needs('npm'), () => {
  it('A tree of npm without its development packages runs, and SIGTERM ends it.', async (test) => {
    const at = await buildStage(test);
    const app = join(at.home, 'app');
    await at.write(packages);
    await writeFiles(app, {
      'package.json': JSON.stringify({
        name: 'web',
        scripts: { start: 'node server.js' },
        dependencies: { a: 'file:../packages/a' },
        devDependencies: { dev: 'file:../packages/dev' },
      }),
      'server.js': server,
    });
    await install(app, '--install-links');
    await at.client.build(app, { base: at.base, to: at.app });
    const { output, code } = await started(at, join(await folder(test), 'root'));
    assert.deepEqual([output, code], ['ab production\nended\n', 7]);
    const lockfile = JSON.parse(await readFile(join(app, 'package-lock.json'), 'utf8'));
    const needed = Object.entries(lockfile.packages)
      .filter(([path, entry]) => path !== '' && Object(entry)['dev'] !== true)
      .map(([path]) => `app/${path}/package.json`);
    const [dependencies] = await layersAbove(await at.client.getImage(at.app), 2);
    assert.deepEqual(
      names(dependencies).filter((name) => name.endsWith('/package.json')),
      needed.toSorted(),
    );
    assert.ok(names(dependencies).includes('app/node_modules/.bin/a'));
  });

  it('A package of a workspace of npm runs with the other packages that it needs.', async (test) => {
    const at = await buildStage(test);
    await at.write({
      'package.json': JSON.stringify({ private: true, workspaces: ['packages/*'] }),
      'packages/a/package.json': manifest('a', { b: '1' }),
      'packages/a/index.js': "module.exports = 'a' + require('b');\n",
      'packages/b/package.json': manifest('b', {}),
      'packages/b/index.js': "module.exports = 'b';\n",
      'packages/web/package.json': manifest('web', { a: '1' }),
      'packages/web/index.js': server,
    });
    await install(at.home);
    await at.client.build(join(at.home, 'packages/web'), { base: at.base, to: at.app });
    const { output, code } = await started(at, join(await folder(test), 'root'));
    assert.deepEqual([output, code], ['ab production\nended\n', 7]);
  });
});
