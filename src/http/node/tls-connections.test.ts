import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import tls, { TLSSocket } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { join } from '../../../test/tls/front.ts';
import { collect } from '../../flow/collect.ts';
import type { Transport } from '../transport.ts';
import {
  cert,
  get,
  hasClosed,
  key,
  pattern,
  readsSlowly,
  serveRaw,
  transport,
  turns,
} from './stage.test.support.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const answering = (socket: Socket): void => {
  socket.on('data', () => socket.write(ok));
};

async function ask({ send }: Transport, url: string): Promise<string> {
  const { body } = await send(get(url));
  return Buffer.from(await collect(body, { limit: 1 << 20, what: 'test body' })).toString();
}

/** A proxy that opens tunnels to any port of this machine. */
async function serveProxy(
  test: TestContext,
  { secure, target }: { readonly secure: boolean; readonly target: number },
): Promise<{ readonly url: string; readonly sockets: readonly Socket[] }> {
  const open = new Set<Socket>();
  const sockets: Socket[] = [];
  const accept = (socket: Socket): void => {
    sockets.push(socket);
    socket
      .on('error', () => undefined)
      .once('data', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        const through = net.connect(target, '127.0.0.1');
        through.on('error', () => undefined);
        join(socket, through, open);
      });
  };
  const server = secure ? tls.createServer({ key, cert }, accept) : net.createServer(accept);
  server.on('tlsClientError', () => undefined);
  atEnd(test, () => {
    for (const socket of open) socket.destroy();
  });
  return { url: `${secure ? 'https' : 'http'}://127.0.0.1:${await listening(test, server)}`, sockets };
}

/** Notes whether each connection resumes a session, and ends it after one answer. */
const closing =
  (resumed: boolean[]) =>
  (socket: Socket): void => {
    resumed.push(socket instanceof TLSSocket && socket.isSessionReused());
    socket.on('error', () => undefined);
    socket.on('data', () => socket.end(ok.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')));
  };

describe('TLS sessions', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`a second connection resumes the ${version} session of the first one`, async (test) => {
      const resumed: boolean[] = [];
      const only = { minVersion: version, maxVersion: version };
      const server = await serveRaw(test, closing(resumed), only);
      const line = transport(test);
      for (let round = 0; round < 3; round++) assert.equal(await ask(line, server.url), 'ok');
      assert.deepEqual(resumed, [false, true, true]);
    });
  }

  it('a session that the server does not know leads to a full handshake and an answer', async (test) => {
    const resumed: boolean[] = [];
    const ports: number[] = [];
    for (const ticketKeys of [Buffer.alloc(48, 1), Buffer.alloc(48, 2)]) {
      ports.push((await serveRaw(test, closing(resumed), { ticketKeys })).port);
    }
    // The same origin leads to another server from the second connection on.
    const front = await serveRaw(test, (socket, connection) =>
      join(socket, net.connect(ports[connection] ?? 0, '127.0.0.1'), new Set()),
    );
    const line = transport(test);
    const url = front.url.replace('http:', 'https:');
    for (let round = 0; round < 2; round++) assert.equal(await ask(line, url), 'ok');
    assert.deepEqual(resumed, [false, false]);
  });
});

describe('the end of TLS', () => {
  it('a body of known length is whole although the server ends without close_notify', async (test) => {
    const bytes = pattern(50_000);
    const raw = new Set<Socket>();
    const server = tls.createServer({ key, cert }, (socket) => {
      socket
        .on('error', () => undefined)
        .on('data', () => {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`);
          socket.write(bytes, () => {
            for (const under of raw) under.end();
          });
        });
    });
    server.on('tlsClientError', () => undefined);
    const front = net.createServer((socket) => {
      raw.add(socket.on('error', () => undefined));
      server.emit('connection', socket);
    });
    const url = `https://127.0.0.1:${await listening(test, front)}/`;
    const { body } = await transport(test).send(get(url));
    await readsSlowly(body, bytes, () => turns(5));
  });

  it('a body that ends too early with close_notify is CUT_OFF', async (test) => {
    const server = await serveRaw(
      test,
      (socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok')),
      {},
    );
    await assert.rejects(ask(transport(test), server.url), { code: 'CUT_OFF' });
  });

  it('a kept connection that the server ends with close_notify is replaced', async (test) => {
    const server = await serveRaw(test, answering, {});
    const line = transport(test);
    assert.equal(await ask(line, server.url), 'ok');
    const [first] = server.sockets;
    assert.ok(first);
    const closed = hasClosed(first);
    first.end();
    await closed;
    await turns(5);
    assert.equal(await ask(line, server.url), 'ok');
    assert.equal(server.sockets.length, 2);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`a missing client certificate is NO_CONNECTION with ${version}, also where the server says so late`, async (test) => {
      const server = await serveRaw(test, answering, {
        requestCert: true,
        rejectUnauthorized: true,
        ca: cert,
        minVersion: version,
        maxVersion: version,
      });
      await assert.rejects(ask(transport(test), server.url), { code: 'NO_CONNECTION' });
      assert.equal(await ask(transport(test, { tls: { ca: cert, cert, key } }), server.url), 'ok');
    });
  }
});

describe('TLS through a proxy', () => {
  for (const secure of [false, true]) {
    const how = secure ? 'a proxy with TLS' : 'a proxy';

    it(`a slow reader gets a long body byte for byte through ${how}`, async (test) => {
      const bytes = pattern(1_500_000);
      const server = await serveRaw(
        test,
        (socket) => {
          socket.on('data', () => {
            socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`);
            socket.write(bytes);
          });
        },
        {},
      );
      const proxy = await serveProxy(test, { secure, target: server.port });
      const line = transport(test, { proxy: () => proxy.url });
      for (let round = 0; round < 2; round++) {
        const { body } = await line.send(get(`https://localhost:${server.port}/`));
        await readsSlowly(body, bytes, () => turns(3));
      }
      assert.equal(proxy.sockets.length, 1);
    });

    it(`an early end of the body closes the connection to ${how}`, async (test) => {
      const server = await serveRaw(
        test,
        (socket) =>
          socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart')),
        {},
      );
      const proxy = await serveProxy(test, { secure, target: server.port });
      const { body } = await transport(test, { proxy: () => proxy.url }).send(
        get(`https://localhost:${server.port}/`),
      );
      await body[Symbol.asyncIterator]().return?.();
      for (const socket of [...proxy.sockets, ...server.sockets]) await hasClosed(socket);
    });

    it(`closing the transport closes the kept connection to ${how}`, async (test) => {
      const server = await serveRaw(test, answering, {});
      const proxy = await serveProxy(test, { secure, target: server.port });
      const line = transport(test, { proxy: () => proxy.url });
      assert.equal(await ask(line, `https://localhost:${server.port}/`), 'ok');
      await line.close();
      for (const socket of [...proxy.sockets, ...server.sockets]) await hasClosed(socket);
    });

    it(`a kept connection through ${how} does not hold the process`, async (test) => {
      const server = await serveRaw(test, answering, {});
      const proxy = await serveProxy(test, { secure, target: server.port });
      const program = `
        import { createNodeTransport } from ${JSON.stringify(pathToFileURL(import.meta.filename.replace(/[^/\\]*$/, 'transport.js')).href)};
        const line = createNodeTransport({ proxy: () => ${JSON.stringify(proxy.url)}, tls: { rejectUnauthorized: false } });
        const url = 'https://localhost:${server.port}/';
        const { body } = await line.send({ method: 'GET', url, headers: {}, replay: 'safe' });
        for await (const chunk of body);
        await new Promise(setImmediate);
        const held = process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name));
        process.stdout.write(JSON.stringify(held), () => process.exit());
      `;
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const said = await collect(child.stdout, { limit: 10_000, what: 'stdout' });
      if (child.exitCode === null) await once(child, 'close');
      assert.equal(Buffer.from(said).toString(), '[]');
    });
  }
});
