import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { collect } from '../../flow/collect.ts';
import type { Content } from '../../flow/content.ts';
import { get, hasClosed, pattern, type RawServer, serveRaw, transport, turns } from './stage.test.support.ts';
import type { NodeTransportOptions } from './transport.ts';

/** An abort at each stage of an exchange: the reason reaches the caller, and nothing stays open. */

const reason = new Error('the caller gives up');
const isReason = (error: unknown): boolean => error === reason;
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

interface Stage {
  readonly secure?: boolean;
  /** The server's part of the connection. Calls `reached` when the exchange is at the stage. */
  readonly serve: (socket: Socket, reached: () => void) => void;
  readonly options?: (server: RawServer) => NodeTransportOptions;
}

const stages: Readonly<Record<string, Stage>> = {
  'the TLS handshake': {
    secure: true,
    serve: (socket, reached) => void socket.once('data', reached),
  },
  'the request for a tunnel': {
    secure: true,
    serve: (socket, reached) => void socket.once('data', reached),
    options: ({ port }) => ({ proxy: () => `http://127.0.0.1:${port}` }),
  },
  'the TLS handshake with a proxy': {
    secure: true,
    serve: (socket, reached) => void socket.once('data', reached),
    options: ({ port }) => ({ proxy: () => `https://127.0.0.1:${port}` }),
  },
  'the TLS handshake within a tunnel': {
    secure: true,
    serve(socket, reached) {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        socket.once('data', reached);
      });
    },
    options: ({ port }) => ({ proxy: () => `http://127.0.0.1:${port}` }),
  },
  'the wait for an answer': { serve: (socket, reached) => void socket.once('data', reached) },
  'an interim answer': {
    serve(socket, reached) {
      socket.once('data', () => socket.write('HTTP/1.1 102 Processing\r\n\r\n', reached));
    },
  },
  'the head of an answer': {
    serve(socket, reached) {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Le', reached));
    },
  },
};

for (const [stage, { secure = false, serve, options = () => ({}) }] of Object.entries(stages)) {
  it(`an abort during ${stage} throws its reason and closes the connection`, async (test) => {
    const abort = new AbortController();
    let reached: (() => void) | undefined;
    const atStage = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const server = await serveRaw(test, (socket) => serve(socket, () => reached?.()));
    const line = transport(test, options(server));
    const url = secure ? server.url.replace('http:', 'https:') : server.url;
    const answer = line.send(get(url, { signal: abort.signal }));
    await Promise.all([
      assert.rejects(answer, isReason),
      atStage.then(async () => {
        await turns(10);
        const [socket] = server.sockets;
        assert.ok(socket);
        socket.resume();
        const closed = hasClosed(socket);
        abort.abort(reason);
        await closed;
      }),
    ]);
    assert.equal(server.sockets.length, 1);
  });
}

/** A server that answers each request on a plain connection, and counts its connections. */
const answering = (test: TestContext): Promise<RawServer> =>
  serveRaw(test, (socket) => {
    socket.on('data', () => socket.write(ok));
  });

describe('an abort before a connection exists', () => {
  it('an abort during the lookup of a name throws its reason, and no request follows the late address', async (test) => {
    const server = await answering(test);
    const late: (() => void)[] = [];
    const abort = new AbortController();
    const line = transport(test, {
      lookup(_, __, callback) {
        late.push(() => callback(null, [{ address: '127.0.0.1', family: 4 }]));
      },
    });
    const answer = line.send(get(`http://name.example:${server.port}/`, { signal: abort.signal }));
    const rejected = assert.rejects(answer, isReason);
    while (late.length === 0) await turns(1);
    abort.abort(reason);
    await rejected;
    late[0]?.();
    await turns(50);
    for (const socket of server.sockets) assert.equal(socket.bytesRead, 0);
  });

  it('an abort while certificates are read throws its reason', async (test) => {
    const abort = new AbortController();
    const line = transport(test, { tls: () => new Promise(() => undefined) });
    const answer = line.send(get('https://127.0.0.1:1/', { signal: abort.signal }));
    const rejected = assert.rejects(answer, isReason);
    await turns(1);
    abort.abort(reason);
    await rejected;
  });

  it('an abort does not open the source of a body that waits for its connection', async (test) => {
    const abort = new AbortController();
    const server = await serveRaw(test, (socket) => {
      socket.once('data', () => abort.abort(reason));
    });
    const body: Content = { replayable: false, open: () => assert.fail('opened') };
    const url = server.url.replace('http:', 'https:');
    const request = get(url, { method: 'PUT', replay: 'never', body, signal: abort.signal });
    await assert.rejects(transport(test).send(request), isReason);
  });
});

describe('an abort during the body of an answer', () => {
  const bytes = pattern(300_000);
  const serveHalf = (test: TestContext, secure?: object): Promise<RawServer> =>
    serveRaw(
      test,
      (socket) => {
        socket.once('data', () => {
          socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n`);
          socket.write(bytes);
        });
      },
      secure,
    );

  for (const secure of [undefined, {}]) {
    const over = secure === undefined ? 'plain HTTP' : 'TLS';

    it(`an abort between two reads over ${over} throws its reason at the next read, although bytes are there`, async (test) => {
      const server = await serveHalf(test, secure);
      const abort = new AbortController();
      const { body } = await transport(test).send(get(server.url, { signal: abort.signal }));
      const iterator = body[Symbol.asyncIterator]();
      await iterator.next();
      await turns(20);
      const [socket] = server.sockets;
      assert.ok(socket);
      const closed = hasClosed(socket.resume());
      abort.abort(reason);
      await closed;
      await assert.rejects(iterator.next(), isReason);
      await assert.rejects(iterator.next(), isReason);
    });

    it(`an abort before the first read over ${over} throws its reason`, async (test) => {
      const server = await serveHalf(test, secure);
      const abort = new AbortController();
      const { body } = await transport(test).send(get(server.url, { signal: abort.signal }));
      abort.abort(reason);
      await assert.rejects(collect(body, { limit: 1e6, what: 'test body' }), isReason);
    });
  }

  it('an abort before the first read throws its reason although the whole body is there', async (test) => {
    const server = await answering(test);
    const abort = new AbortController();
    const { body } = await transport(test).send(get(server.url, { signal: abort.signal }));
    abort.abort(reason);
    await assert.rejects(collect(body, { limit: 100, what: 'test body' }), isReason);
  });

  it('an abort after the body leaves the connection to the next request', async (test) => {
    const server = await answering(test);
    const abort = new AbortController();
    const line = transport(test);
    const { body } = await line.send(get(server.url, { signal: abort.signal }));
    await collect(body, { limit: 100, what: 'test body' });
    abort.abort(reason);
    assert.equal((await line.send(get(server.url))).status, 200);
    assert.equal(server.sockets.length, 1);
  });
});

it('connections that were aborted do not count as present when requests are announced', async (test) => {
  const server = await serveRaw(test, () => undefined);
  const line = transport(test);
  const abort = new AbortController();
  const answers = [1, 2, 3].map(() => line.send(get(server.url, { signal: abort.signal })));
  const rejected = answers.map((answer) => assert.rejects(answer, isReason));
  while (server.sockets.length < 3) await turns(1);
  abort.abort(reason);
  await Promise.all(rejected);
  await line.preconnect(server.url, 2);
  while (server.sockets.length < 5) await turns(1);
  await line.preconnect(server.url, 2);
  await turns(20);
  assert.equal(server.sockets.length, 5);
});
