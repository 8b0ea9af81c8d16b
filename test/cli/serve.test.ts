import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { finished, gantry, type RunOptions, saidOnStderr, startGantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

interface Served {
  readonly host: string;
  readonly child: ChildProcess;
}

/** Starts `gantry serve` and waits for its address. */
async function serve(test: TestContext, args: readonly string[], options: RunOptions = {}): Promise<Served> {
  const child = startGantry(args, options);
  atEnd(test, () => child.kill('SIGKILL'));
  const [, host = ''] = await saidOnStderr(child, /serving on port \d+: http:\/\/(\S+),/);
  return { host, child };
}

/** Returns a free port. Another program may get the same one, but the test uses it at once. */
async function freePort(): Promise<string> {
  await using registry = await startRegistry();
  return registry.host.slice(registry.host.lastIndexOf(':') + 1);
}

describe('gantry serve', () => {
  it('serve keeps pushed content on disk for the next process that serves it', async (test) => {
    await using source = await startRegistry();
    const { digest } = await store(source.registry, 'app', ['1'], await makeImage('hello'));
    const cwd = await folder(test);
    const first = await serve(test, ['serve', '--disk', 'a/store'], { cwd });
    const copied = await gantry(['copy', `${source.host}/app:1`, `${first.host}/copy:1`]);
    assert.equal(copied.code, 0, copied.stderr);
    await access(join(cwd, 'a', 'store'));

    const taken = await gantry(['serve', '--disk', 'a/store'], { cwd });
    assert.equal(taken.code, 1);
    assert.match(taken.stderr, /^gantry: [^\n]*store[^\n]*\n$/);

    first.child.kill('SIGTERM');
    await once(first.child, 'close');
    const second = await serve(test, ['registry', 'serve', '--disk', 'a/store'], { cwd });
    assert.equal((await gantry(['digest', `${second.host}/copy:1`])).stdout, `${digest}\n`);
  });

  it('serve bounds the garbage in its heap, and other commands do not', async (test) => {
    const hook = join(await folder(test), 'hook.cjs');
    const told = "require('v8').setFlagsFromString = (flag) => console.error('flag', flag);";
    await writeFile(hook, told);
    const nodeOptions = ['--require', hook];
    const child = startGantry(['serve'], { nodeOptions });
    atEnd(test, () => child.kill('SIGKILL'));
    await saidOnStderr(child, /flag --heap-growing-percent=50/);
    const { stderr } = await gantry(['version'], { nodeOptions });
    assert.equal(stderr, '');
  });

  it('serve listens on this machine only, and on $PORT if it is set', async (test) => {
    const port = await freePort();
    const { host } = await serve(test, ['serve'], { env: { PORT: port } });
    assert.equal(host, `127.0.0.1:${port}`);
  });

  it('serve accepts an image without its blobs, unless --strict is set', async (test) => {
    const { descriptor, bytes } = await (await makeImage('hello')).manifest();
    const put = async (...args: string[]): Promise<number> => {
      const { host } = await serve(test, ['serve', ...args]);
      const headers = { 'content-type': descriptor.mediaType };
      return (await fetch(`http://${host}/v2/app/manifests/1`, { method: 'PUT', headers, body: bytes }))
        .status;
    };
    assert.equal(await put(), 201);
    assert.equal(await put('--strict'), 404);
  });

  it('the address counts more than $PORT', async (test) => {
    const { host } = await serve(test, ['serve', '--address', 'localhost:0'], { env: { PORT: '1' } });
    assert.match(host, /^localhost:\d+$/);
  });

  it('a $PORT that is none is refused', async () => {
    const { code, stderr } = await gantry(['serve'], { env: { PORT: 'http' } });
    assert.equal(code, 2);
    assert.ok(stderr.includes('http'));
  });

  it('serve prints its address in JSON', async (test) => {
    const child = startGantry(['serve', '--json']);
    atEnd(test, () => child.kill('SIGKILL'));
    const [line] = await once(child.stdout ?? child, 'data');
    const { url, host, port } = JSON.parse(String(line));
    assert.equal(url, `http://${host}:${port}`);
    const ended = finished(child);
    child.kill();
    await ended;
  });
});
