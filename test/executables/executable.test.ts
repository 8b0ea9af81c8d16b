import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundle, packageManifest } from '../../scripts/bundle.ts';
import { buildExecutable, checkExecutable } from '../../scripts/executables/build.ts';
import { makePackages } from '../../scripts/executables/packages.ts';
import { type Platform, platformHere, platforms } from '../../scripts/executables/platforms.ts';
import { run } from '../../scripts/executables/run.ts';
import { projectRoot } from '../../scripts/project.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { type Ended, finished, type RunOptions, startProgram } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { heldRegistry } from '../layouts/held-registry.ts';
import { withoutRuntime } from './runtime-here.ts';

const compiled = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const here = platformHere();

describe('the executable file', { skip: withoutRuntime(here), timeout: 600_000 }, () => {
  let home: string;
  let script: string;
  let program: string;
  let version: string;
  const platform: Platform = here ?? (platforms[0] as Platform);

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'gantry-executable-'));
    script = join(home, 'script');
    program = join(home, platform.name, platform.fileName);
    ({ version } = await packageManifest(projectRoot()));
    await bundle(compiled, { target: script, standalone: true });
    await buildExecutable(platform, join(script, 'gantry.cjs'), program);
  });
  after(() => rm(home, { recursive: true, force: true }));

  const start = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
    finished(startProgram(program, args, options));

  it('the file passes the checks of the build, and prints its version with nothing in PATH', async () => {
    assert.ok((await checkExecutable(platform, program, { version })).includes('started'));
    const { code, stdout, stderr } = await start(['version'], { env: { PATH: '' } });
    assert.deepEqual([code, stdout, stderr], [0, `${version}\n`, '']);
  });

  it('the check refuses a file that prints another version', async () => {
    await assert.rejects(checkExecutable(platform, program, { version: '0.0.0' }), /its version is/);
  });

  it('the file prints a digest, pulls, pushes and copies as the bundle does', async (test) => {
    const { registry, host } = await served(test);
    const { digest } = await store(registry, 'app', ['1'], await makeImage('here'));
    const cwd = await folder(test);
    const app = `${host}/app`;
    for (const [args, stdout] of [
      [['digest', `${app}:1`], `${digest}\n`],
      [['pull', '--format=oci', `${app}:1`, 'layout'], undefined],
      [['push', 'layout', `${app}:2`], `${app}@${digest}\n`],
      [['copy', `${app}:2`, `${host}/other:3`], undefined],
    ] as const) {
      const ended = await start(args, { cwd });
      assert.equal(ended.code, 0, ended.stderr);
      if (stdout !== undefined) assert.equal(ended.stdout, stdout);
    }
    assert.equal((await registry.repository('other').manifests.resolve('3'))?.digest, digest);
  });

  it('errors have the exit codes of the bundle', async (test) => {
    const { host } = await served(test);
    assert.equal((await start(['digest', `${host}/nothing:1`])).code, 3);
    assert.equal((await start(['digest', 'no reference'])).code, 2);
    assert.equal((await start(['digest', '127.0.0.1:1/app:1'])).code, 5);
  });

  it('another thread hashes a blob of 64 MiB', async (test) => {
    if (platform.os !== 'linux') return test.skip('only Linux shows the threads of a process as files');
    const { registry, host } = await served(test);
    const layer = createLayer(bytesContent(noise(64 * 1024 * 1024)));
    const config = { os: 'linux', architecture: 'amd64' };
    await store(registry, 'app', ['1'], createImage({ config, layers: [layer] }));
    const { digest } = await layer.descriptor();
    const cwd = await folder(test);
    const child = startProgram(program, ['pull', '--format=oci', `${host}/app:1`, 'out'], { cwd });
    const ended = finished(child);
    const names = await threadsOf(child.pid ?? 0);
    assert.equal((await ended).code, 0);
    assert.ok(names.has('Worker'), [...names].join(' '));
    assert.ok((await readdir(join(cwd, 'out', 'blobs', 'sha256'))).includes(digest.slice('sha256:'.length)));
  });

  it('an interrupt ends a pull with exit code 130, and leaves no file', async (test) => {
    const { image, half, release } = await heldRegistry(test);
    atEnd(test, release);
    const cwd = await folder(test);
    const reached = half();
    const child = startProgram(program, ['pull', image, 'out.tar'], { cwd });
    const ended = finished(child);
    await reached;
    child.kill('SIGINT');
    assert.equal((await ended).code, 130);
    assert.deepEqual(await readdir(cwd), []);
  });

  it('settings in files of the current folder change nothing', async (test) => {
    const cwd = await folder(test);
    await writeFile(join(cwd, '.env'), 'HTTPS_PROXY=http://127.0.0.1:2\nhttps_proxy=http://127.0.0.1:2\n');
    await writeFile(join(cwd, 'bunfig.toml'), 'preload = ["./other.js"]\n');
    await writeFile(join(cwd, 'other.js'), 'process.exit(77);\n');
    const { code, stderr } = await start(['digest', 'registry.invalid/app:1'], { cwd });
    assert.equal(code, 5, stderr);
    assert.doesNotMatch(stderr, /127\.0\.0\.1:2/);
  });

  it('npm installs the file beside gantry-cli, which runs it, and the script with Node where none fits', async (test) => {
    const at = await folder(test);
    await makePackages([platform], { executables: home, script, target: join(at, 'npm') });
    const packed = await run('npm', ['pack', './gantry-cli', `./gantry-cli-${platform.name}`], {
      cwd: join(at, 'npm'),
    });
    const [main = '', file = ''] = packed
      .trim()
      .split('\n')
      .map((name) => join(at, 'npm', name));
    for (const [name, tarballs] of [
      ['with', [main, file]],
      ['without', [main]],
    ] as const) {
      const cwd = join(at, name);
      const flags = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts', `--prefix=${cwd}`];
      const rest = name === 'with' ? [] : ['--omit=optional'];
      await run('npm', ['install', '--global', ...flags, ...rest, ...tarballs], { cwd: at });
      const gantry = join(cwd, 'bin', 'gantry');
      assert.equal((await finished(startProgram(gantry, ['version'], {}))).stdout, `${version}\n`);
      const child = startProgram(gantry, ['serve', '--address', '127.0.0.1:0'], {});
      const ended = once(child, 'close');
      await once(child.stderr ?? child, 'data');
      const [started = ''] = (await run('ps', ['-o', 'args=', '-p', String(child.pid)])).split(' ');
      child.kill();
      await ended;
      assert.equal(started.endsWith(`gantry-cli-${platform.name}/gantry`), name === 'with', started);
    }
  });
});

async function served(test: TestContext) {
  const registry = createMemoryRegistry();
  const server = await startRegistry({ registry });
  atEnd(test, () => server.close());
  return { registry, host: server.host };
}

/** Returns the names of all threads that a process has until its end. */
async function threadsOf(pid: number): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const tasks = `/proc/${pid}/task`;
  for (;;) {
    const threads = await readdir(tasks).catch(() => []);
    if (threads.length === 0) return names;
    for (const thread of threads) {
      const name = await readFile(join(tasks, thread, 'comm'), 'utf8').catch(() => '');
      names.add(name.trim());
    }
  }
}
