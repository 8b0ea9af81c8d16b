import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';
import { fakeRegistry } from './fake-registry.ts';
import { finished, gantry, saidOnStderr, startGantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

/** Starts a registry that receives a request and never answers. `asked` resolves with the first one. */
async function silentRegistry(
  test: Parameters<typeof fakeRegistry>[0],
): Promise<{ host: string; asked: Promise<void> }> {
  let tell: (() => void) | undefined;
  const asked = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { host: await fakeRegistry(test, () => tell?.()), asked };
}

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;

describe('a signal', { skip: noSignals }, () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`${signal} ends a command with ${code} and leaves nothing behind`, async (test) => {
      const cwd = await folder(test);
      const { host, asked } = await silentRegistry(test);
      const child = startGantry(['pull', `${host}/app:1`, 'app.tar'], { cwd });
      const ended = finished(child);
      await asked;
      child.kill(signal);
      const { code: actual, stdout, stderr } = await ended;
      assert.deepEqual([actual, stdout, stderr], [code, '', '']);
      assert.deepEqual(await readdir(cwd), []);
    });

    it(`${signal} ends serve with ${code}`, async () => {
      const child = startGantry(['serve', '--address', '127.0.0.1:0']);
      await saidOnStderr(child, /serving on port \d+/);
      child.kill(signal);
      assert.deepEqual(await once(child, 'close'), [code, null]);
    });
  }

  it('a second one ends it at once, whatever is still going on', async (test) => {
    // An open request keeps the server from closing.
    const child = startGantry(['serve', '--address', '127.0.0.1:0']);
    const [, port] = await saidOnStderr(child, /serving on port (\d+)/);
    const { connect } = await import('node:net');
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined);
    atEnd(test, () => socket.destroy());
    socket.write(
      'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n',
    );
    await once(socket, 'data');
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    assert.ok(code === 130 || code === 143);
  });
});

describe('a bug in code that no command awaits', { skip: noSignals }, () => {
  it('a bug ends the command in one line without a stack', async () => {
    const bug = "process.once('SIGUSR2', () => { throw new TypeError('broken'); });";
    const child = startGantry(['serve'], { nodeOptions: ['--import', `data:text/javascript,${bug}`] });
    const said = saidOnStderr(child, /serving on port/);
    const ended = finished(child);
    await said;
    child.kill('SIGUSR2');
    const { code, stderr } = await ended;
    assert.equal(code, 1);
    assert.match(stderr, /\ngantry: [^\n]*TypeError: broken[^\n]*\n$/);
  });
});

describe('a reader that goes away', () => {
  it('a closed stdout ends the command silently', async (test) => {
    const tags = Array.from({ length: 50_000 }, (_, i) => `tag-${i}`);
    const host = await fakeRegistry(test, (_, to) => {
      to.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ name: 'app', tags }));
    });
    const child = startGantry(['ls', `${host}/app`]);
    const stderr = finishedStderr(child);
    await once(child.stdout ?? child, 'data');
    child.stdout?.destroy();
    const [code] = await once(child, 'close');
    assert.equal(code, 0);
    assert.equal(await stderr, '');
  });
});

async function finishedStderr(child: ReturnType<typeof startGantry>): Promise<string> {
  let said = '';
  for await (const chunk of child.stderr ?? []) said += String(chunk);
  return said;
}

describe('stderr', () => {
  it("a registry's warnings are shown once each", async (test) => {
    const host = await fakeRegistry(test, (_, to) => {
      to.setHeader('warning', ['299 - "this registry closes soon"', '299 - "this registry closes soon"']);
      to.writeHead(200, { 'content-type': 'application/json', link: '' }).end('{"name":"app","tags":["1"]}');
    });
    const { code, stdout, stderr } = await gantry(['ls', `${host}/app`]);
    assert.deepEqual([code, stdout], [0, '1\n']);
    assert.equal(stderr.match(/closes soon/g)?.length, 1);
  });

  it('a warning is shown before the error of a failing command', async (test) => {
    const host = await fakeRegistry(test, (_, to) => {
      to.writeHead(404, { warning: '299 - "this registry closes soon"' }).end();
    });
    const { code, stderr } = await gantry(['manifest', `${host}/app:1`]);
    assert.equal(code, 3);
    assert.match(stderr, /^[^\n]*closes soon\ngantry: [^\n]*\n$/);
  });

  it('the wire log has every request and no secret', async (test) => {
    const env = { DOCKER_CONFIG: await folder(test) };
    const host = await fakeRegistry(test, (from, to) => {
      if (from.url?.startsWith('/token')) return to.end(JSON.stringify({ token: secret('token') }));
      if (from.headers.authorization === undefined) {
        to.writeHead(401, {
          'www-authenticate': `Bearer realm="http://${from.headers.host}/token",service="s"`,
        });
        return to.end();
      }
      return to
        .writeHead(200, { 'set-cookie': secret('cookie'), 'content-type': 'application/json' })
        .end('{"name":"app","tags":["1"]}');
    });
    await gantry(['auth', 'login', host, '-u', 'me', '-p', secret('password')], { env });
    const { code, stderr } = await gantry(['-v', 'ls', `${host}/app`], { env });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /--> GET \S+\/v2\/app\/tags\/list/);
    assert.match(stderr, /--> GET \S+\/token/);
    assert.match(stderr, /<-- 200/);
    assert.ok(!stderr.includes(secret('')), stderr);
    assert.ok(!stderr.includes(Buffer.from(`me:${secret('password')}`).toString('base64')));
  });

  it('-v shows the causes of an error without a stack', async () => {
    const { code, stderr } = await gantry(['-v', 'copy', 'localhost:1/a', 'localhost:1/b']);
    assert.equal(code, 5);
    assert.match(stderr, /gantry: [^\n]+\n(?: {2}[^\n]+\n)+$/);
    assert.match(stderr, /caused by: TransportError NO_CONNECTION/);
    assert.doesNotMatch(stderr, /^\s+at /m);
  });

  for (const [mode, expected] of [
    ['none', /^$/],
    ['plain', /^blobs: [^\n]*\n$/],
    ['json', /^(?:\{[^\n]*\}\n)+$/],
  ] as const) {
    it(`--progress ${mode} is that`, async () => {
      await using registry = await startRegistry();
      await store(registry.registry, 'app', ['1'], await makeImage('hello'));
      const { host } = registry;
      const { code, stderr } = await gantry(['cp', '--progress', mode, `${host}/app:1`, `${host}/copy:1`]);
      assert.equal(code, 0);
      assert.match(stderr, expected);
    });
  }
});
