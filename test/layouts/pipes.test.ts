import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openArchive } from '../../src/archive/read.ts';
import { createClient } from '../../src/client/client.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { command, type Ended, finished, gantry, startGantry, startProgram } from '../cli/gantry.ts';
import { makeImage, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { secret } from '../secret.ts';
import { heldRegistry } from './held-registry.ts';

interface Scene {
  readonly registry: Registry;
  /** `127.0.0.1:40000/app`, which has the tag 1. */
  readonly app: string;
  readonly digest: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

async function scene(test: TestContext): Promise<Scene> {
  const registry = createMemoryRegistry();
  const { digest } = await store(registry, 'app', ['1'], await makeImage('here'));
  const served = await startRegistry({ registry });
  atEnd(test, () => served.close());
  const env = { TMPDIR: await folder(test) };
  return { registry, app: `${served.host}/app`, digest, cwd: await folder(test), env };
}

const noShell = process.platform === 'win32' ? 'Windows has no such shell' : false;

/** Runs a line in a shell, in which `$G` is gantry and `$A` the repository. */
function shell({ app, cwd, env }: Scene, line: string): Promise<Ended> {
  const words = command.map((word) => `'${word}'`).join(' ');
  const script = `set -o pipefail; ${line.replaceAll('$G', words).replaceAll('$A', app)}`;
  return finished(startProgram('bash', ['-c', script], { cwd, env }));
}

const temporary = ({ env }: Scene): Promise<string[]> => readdir(env['TMPDIR'] ?? '');

describe('a pipe', { skip: noShell }, () => {
  const lines: Readonly<Record<string, string>> = {
    'pull into push': '$G pull $A:1 - | $G push - $A:2',
    'a legacy archive': '$G pull --format=legacy $A:1 - | cat | $G push - $A:2',
    'copy into copy': '$G copy $A:1 - | $G copy - $A:2',
    'an OCI archive': '$G copy $A:1 oci-archive:- | $G copy oci-archive:- $A:2',
    'a docker archive': '$G copy $A:1 docker-archive:- | $G copy docker-archive:- $A:2',
    'a copy with both its sides': '$G pull $A:1 - | $G copy - oci-archive:- | $G push - $A:2',
    'the paths that the system gives it': '$G pull $A:1 /dev/stdout | $G push /dev/stdin $A:2',
    'the prefixes of skopeo':
      '$G copy $A:1 docker-archive:/dev/stdout | $G copy docker-archive:/dev/stdin $A:2',
    'a change from stdin to stdout': '$G pull $A:1 - | $G mutate --unset-env NONE - -o - | $G push - $A:2',
    'compressed bytes': '$G pull $A:1 - | gzip | $G push - $A:2',
    'files that the shell has opened': '$G pull $A:1 - > out.tar && $G push - $A:2 < out.tar',
    'a file that the shell has read from': '(echo; $G pull $A:1 -) > out && (read; $G push - $A:2) < out',
    'a file that is appended to':
      '(echo; $G pull $A:1 /dev/stdout) >> out && tail -c +2 out | $G push - $A:2',
  };
  for (const [name, line] of Object.entries(lines)) {
    it(`pipe-both-ways: a pipe carries ${name}`, async (test) => {
      const here = await scene(test);
      const { code, stderr } = await shell(here, line);
      assert.equal(code, 0, stderr);
      // A legacy archive has no manifest, so the image gets a new one.
      const found = await here.registry.repository('app').manifests.resolve('2');
      assert.ok(found !== undefined);
      if (!line.includes('legacy')) assert.equal(found.digest, here.digest);
      assert.deepEqual(await temporary(here), []);
    });
  }

  it('a pipe gets the same bytes as a file, and nothing else', async (test) => {
    const here = await scene(test);
    for (const line of [
      '$G pull $A:1 - > a',
      '$G pull $A:1 b',
      '$G copy $A:1 oci-archive:- > c',
      '$G copy $A:1 oci-archive:d',
    ]) {
      const { code, stderr } = await shell(here, line);
      assert.equal(code, 0, stderr);
    }
    const read = (name: string): Promise<Buffer> => readFile(join(here.cwd, name));
    assert.deepEqual(await read('a'), await read('b'));
    assert.deepEqual(await read('c'), await read('d'));
  });

  it('a pipe carries an archive into export, and its files out of it, as with crane', async (test) => {
    const here = await scene(test);
    const { code, stdout, stderr } = await shell(here, '$G pull $A:1 - | $G export - - | tar -tf -');
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'hello.txt\n');
    assert.deepEqual(await temporary(here), []);
  });

  it('a pipe that is a socket, as a parent in Node makes it, is read and written', async (test) => {
    const here = await scene(test);
    const child = startGantry(['pull', `${here.app}:1`, '/dev/stdout'], here);
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    assert.deepEqual(await once(child, 'close'), [0, null]);
    const push = startGantry(['push', '/dev/stdin', `${here.app}:2`], here);
    const ended = once(push, 'close');
    push.stdin?.end(Buffer.concat(chunks));
    assert.deepEqual(await ended, [0, null]);
    assert.equal((await here.registry.repository('app').manifests.resolve('2'))?.digest, here.digest);
  });

  it('reader-of-a-pipe-gone: the end of the reader is an error in words, and leaves nothing', async (test) => {
    const here = await scene(test);
    const { image, half, release } = await heldRegistry(test);
    const reached = half();
    const child = startGantry(['pull', image, '-'], here);
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const closed = once(child, 'close');
    await reached;
    child.stdout?.destroy();
    release();
    assert.deepEqual(await closed, [1, null]);
    assert.match(
      stderr,
      /^gantry: the program that reads stdout has ended before the whole archive was written \(EPIPE\)$/m,
    );
    assert.deepEqual(await temporary(here), []);
  });

  it('a pipe that is cut off or empty is no archive, and leaves nothing', async (test) => {
    const here = await scene(test);
    for (const line of [
      '$G push - $A:2 < /dev/null',
      '$G pull $A:1 - | head -c 5000 | $G push - $A:2',
      'echo no | $G push - $A:2',
    ]) {
      const { code, stderr } = await shell(here, line);
      assert.equal(code, 1, line);
      assert.match(stderr, /stdin/);
    }
    assert.deepEqual(await temporary(here), []);
  });

  it('a pipe without an end ends with a signal', async (test) => {
    const here = await scene(test);
    const child = startGantry(['push', '-', `${here.app}:2`], here);
    const closed = once(child, 'close');
    child.stdin?.write(gzipSync('the beginning').subarray(0, 12));
    while ((await temporary(here)).length === 0) await new Promise((resolve) => setImmediate(resolve));
    child.kill('SIGTERM');
    assert.deepEqual(await closed, [143, null]);
    assert.deepEqual(await temporary(here), []);
  });

  it('a terminal is refused with the command that works', needs('script'), async (test) => {
    const here = await scene(test);
    for (const [line, word] of [
      ['$G pull $A:1 -', 'stdout is a terminal'],
      ['$G push - $A:2', 'stdin is a terminal'],
    ] as const) {
      const words = command.map((word) => `'${word}'`).join(' ');
      const inner = line.replaceAll('$G', words).replaceAll('$A', here.app);
      const child = spawn('script', ['-qec', inner, '/dev/null'], {
        cwd: here.cwd,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      atEnd(test, () => child.kill('SIGKILL'));
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += String(chunk);
      });
      assert.deepEqual(await once(child, 'close'), [2, null]);
      assert.ok(said.includes(word) && said.includes(' | '), said);
    }
  });

  it('a pipe refuses everything that an archive cannot hold', async (test) => {
    const here = await scene(test);
    const password = ['--username', 'me', '--password-stdin'];
    for (const args of [
      ['pull', '--format=oci', `${here.app}:1`, '-'],
      ['copy', `${here.app}:1`, 'oci:-'],
      ['pull', '--json', `${here.app}:1`, '-'],
      ['push', ...password, '-', `${here.app}:1`],
    ]) {
      const { code, stdout, stderr } = await gantry(args, { ...here, input: secret('password') });
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /"-"/);
    }
    assert.deepEqual(await readdir(here.cwd), []);
  });
});

describe('the library', () => {
  it('the library gets streams for -, and refuses it without them', async (test) => {
    const { app, registry, digest } = await scene(test);
    await using none = createClient();
    await failsWith(none.copy(`${app}:1`, 'docker-archive:-'), 'INVALID_OPTION');
    await failsWith(none.push('-', `${app}:2`), 'INVALID_OPTION');
    const chunks: Buffer[] = [];
    await using client = createClient({
      standard: {
        input: async () =>
          (async function* () {
            yield* chunks;
          })(),
        output: async () => async (bytes) => void chunks.push(Buffer.from(bytes)),
      },
    });
    await client.pull([`${app}:1`], '-');
    await client.push('-', `${app}:2`);
    assert.equal((await registry.repository('app').manifests.resolve('2'))?.digest, digest);
    const path = join(await folder(test), 'out.tar');
    await writeFile(path, Buffer.concat(chunks));
    await using archive = await openArchive(path);
    assert.equal(archive.format, 'docker');
  });
});
