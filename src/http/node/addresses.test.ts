import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { LookupFunction } from 'node:net';
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { collect } from '../../flow/collect.ts';
import { get, serveRaw, transport, turns } from './stage.test.support.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Every name has these addresses. */
const leadsTo =
  (...addresses: readonly string[]): LookupFunction =>
  (_, options, callback) => {
    const all = addresses.map((address) => ({ address, family: net.isIP(address) }));
    if (options.all) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };

const isLinux = process.platform === 'linux' ? {} : { skip: 'only Linux has all of 127.0.0.0/8' };
const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

describe('the addresses of a name', () => {
  for (const secure of [undefined, {}]) {
    const over = secure === undefined ? 'plain HTTP' : 'TLS';
    const scheme = secure === undefined ? 'http' : 'https';

    it(`the second address is taken if the first one refuses, over ${over}`, isLinux, async (test) => {
      const server = await serveRaw(
        test,
        (socket) => {
          socket.on('data', () => socket.write(ok));
        },
        secure,
      );
      const line = transport(test, { lookup: leadsTo('127.0.0.9', '127.0.0.1') });
      for (let round = 0; round < 2; round++) {
        const { body } = await line.send(get(`${scheme}://localhost:${server.port}/`));
        assert.equal(Buffer.from(await collect(body, { limit: 9, what: 'test body' })).toString(), 'ok');
      }
      assert.equal(server.sockets.length, 1);
    });
  }

  it('an early connection to the second address does not hold the process', isLinux, async (test) => {
    const server = await serveRaw(test, () => undefined);
    const program = `
      import { createNodeTransport } from ${JSON.stringify(new URL('transport.js', import.meta.url).href)};
      const all = ['127.0.0.9', '127.0.0.1'].map((address) => ({ address, family: 4 }));
      const line = createNodeTransport({ proxy: false, lookup: (_, __, callback) => callback(null, all) });
      await line.preconnect('http://name.example:${server.port}/', 1);
      process.stdin.once('data', () => {
        const held = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP'));
        process.stdout.write(JSON.stringify(held), () => process.exit());
      });
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    while (server.sockets.length === 0) await turns(1);
    child.stdin.write('connected');
    const said = await collect(child.stdout, { limit: 1000, what: 'stdout' });
    if (child.exitCode === null) await once(child, 'close');
    assert.equal(Buffer.from(said).toString(), '[]');
  });

  it('the error names the host if every address refuses', isLinux, async (test) => {
    const server = await serveRaw(test, () => undefined);
    const line = transport(test, { lookup: leadsTo('127.0.0.9', '127.0.0.8') });
    await assert.rejects(line.send(get(`http://name.example:${server.port}/`)), {
      code: 'NO_CONNECTION',
      message: /name\.example:\d+: nothing listens there|name\.example:\d+: ECONNREFUSED/,
    });
  });

  it('an error of the lookup reaches the caller as NO_CONNECTION with its cause', async (test) => {
    const cause = Object.assign(new Error('no name server'), { code: 'EAI_AGAIN' });
    const line = transport(test, { lookup: (_, __, callback) => callback(cause, []) });
    await assert.rejects(line.send(get('http://name.example/')), { code: 'NO_CONNECTION', cause });
  });

  it('an IPv6 address in brackets is reached, and the Host header has the brackets', {
    skip: !hasIpv6 && 'this machine has no IPv6',
  }, async (test) => {
    let heard = '';
    const server = net.createServer((socket) => {
      socket.on('data', (data) => {
        heard += data.toString();
        socket.write(ok);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '::1', resolve));
    const line = transport(test);
    atEnd(test, async () => {
      await line.close();
      server.close();
    });
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const { body } = await line.send(get(`http://[::1]:${address.port}/v2/`));
    await collect(body, { limit: 9, what: 'test body' });
    assert.match(heard, new RegExp(`^GET /v2/ HTTP/1\\.1\r\nHost: \\[::1\\]:${address.port}\r\n`));
  });

  it('a tunnel to an IPv6 address is requested with brackets', async (test) => {
    let heard = '';
    const proxy = await serveRaw(test, (socket) => {
      socket.on('data', (data) => {
        heard += data.toString();
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      });
    });
    const line = transport(test, { proxy: () => `http://127.0.0.1:${proxy.port}` });
    await assert.rejects(line.send(get('https://[2001:db8::1]:8443/')), {
      code: 'NO_CONNECTION',
      message: /refuses to connect: it answered with 403/,
    });
    assert.equal(heard, 'CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n');
  });
});

describe('proxies that do not open a tunnel', () => {
  for (const [name, answer, message] of [
    ['sends bytes after its answer', 'HTTP/1.1 200 OK\r\n\r\nbytes', /refuses to connect/],
    ['requires a login', 'HTTP/1.1 407 Login\r\n\r\n', /requires a user and password/],
    ['speaks another protocol', 'SSH-2.0-x\r\n', /proxy 127\.0\.0\.1:\d+.* does not speak HTTP/],
    ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', /answered with 101/],
    ['says nothing and ends', '', /no answer arrived/],
  ] as const) {
    it(`a proxy that ${name} causes NO_CONNECTION, and the message names the proxy`, async (test) => {
      const proxy = await serveRaw(test, (socket) => {
        socket.once('data', () => (answer === '' ? socket.end() : socket.write(answer)));
      });
      const line = transport(test, { proxy: () => `http://127.0.0.1:${proxy.port}` });
      await assert.rejects(line.send(get('https://registry.example/')), { code: 'NO_CONNECTION', message });
    });
  }

  it('interim-of-a-proxy: interim answers that arrive together with the final one of a proxy are skipped', async (test) => {
    const proxy = await serveRaw(test, (socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 502 Bad\r\n\r\n'),
      );
    });
    const line = transport(test, { proxy: () => `http://127.0.0.1:${proxy.port}` });
    await assert.rejects(line.send(get('https://registry.example/')), { message: /answered with 502/ });
  });
});
