import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { collect } from '../../flow/collect.ts';
import { bytesContent, type Content, streamContent } from '../../flow/content.ts';
import type { HttpRequest } from '../../wire/message.ts';
import type { Transport } from '../transport.ts';
import { createNodeTransport } from './transport.ts';

/**
 * An answer that arrived before its request: some servers say why they close an idle connection. A request sent on that
 * connection would take those bytes for its own answer.
 */

interface Server {
  readonly url: string;
  /** The server's end of each connection so far. */
  readonly sockets: readonly net.Socket[];
  /** The bytes received on each connection. */
  readonly heard: string[];
  met(connections: number): Promise<void>;
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const givenUp = 'HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const nonsense = 'what is this';

/** Answers each complete request with `ok`, or as `answer` decides by connection and number. */
async function serve(
  test: TestContext,
  answer: (connection: number, request: number) => string | undefined = () => ok,
): Promise<Server> {
  const sockets: net.Socket[] = [];
  const heard: string[] = [];
  const server = net.createServer((socket) => {
    const connection = sockets.push(socket) - 1;
    heard.push('');
    let requests = 0;
    let text = '';
    socket
      .on('error', () => undefined)
      .on('data', (data) => {
        text += data.toString('latin1');
        heard[connection] += data.toString('latin1');
        const head = text.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
        if (head < 0 || text.length < head + 4 + length) return;
        text = '';
        const said = answer(connection, requests++);
        if (said !== undefined) socket.write(said);
      });
  });
  return {
    url: `http://127.0.0.1:${await listening(test, server)}/`,
    sockets,
    heard,
    async met(connections) {
      while (sockets.length < connections) await once(server, 'connection');
    },
  };
}

function transport(test: TestContext): Transport & Required<Pick<Transport, 'preconnect'>> {
  const made = createNodeTransport();
  atEnd(test, () => made.close());
  return { ...made, preconnect: async (url, requests) => made.preconnect?.(url, requests) };
}

const oneShot = (): Content =>
  streamContent(
    (async function* () {
      yield new Uint8Array(4000);
    })(),
    { size: 4000 },
  );

const requests: Readonly<Record<string, () => Omit<HttpRequest, 'url'>>> = {
  GET: () => ({ method: 'GET', headers: {}, replay: 'safe' }),
  HEAD: () => ({ method: 'HEAD', headers: {}, replay: 'safe' }),
  DELETE: () => ({ method: 'DELETE', headers: {}, replay: 'safe' }),
  'POST without a body': () => ({ method: 'POST', headers: { 'content-length': ['0'] }, replay: 'never' }),
  'PUT of a small body': () => ({
    method: 'PUT',
    headers: {},
    replay: 'never',
    body: bytesContent(new Uint8Array(4000)),
  }),
  'PATCH of a large body': () => ({
    method: 'PATCH',
    headers: {},
    replay: 'never',
    body: bytesContent(new Uint8Array(1_000_000)),
  }),
  'PATCH of a one-shot body': () => ({
    method: 'PATCH',
    headers: {},
    replay: 'never',
    body: oneShot(),
  }),
};

async function ask({ send }: Transport, url: string, request: Omit<HttpRequest, 'url'>): Promise<number> {
  const { status, body } = await send({ ...request, url });
  await collect(body, { limit: 100, what: 'test body' });
  return status;
}

/** Resolves when the event loop has read all bytes that have arrived, and closed sockets have ended. */
const read = async (): Promise<void> => {
  for (let at = 0; at < 20; at++) await new Promise(setImmediate);
};

/** The ways in which a server closes an idle connection. */
const endings: Readonly<Record<string, (socket: net.Socket) => void>> = {
  'a 408 and its end': (socket) => socket.end(givenUp),
  'a 408 and no end': (socket) => socket.write(givenUp),
  'half an answer': (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Le'),
  'a whole answer': (socket) => socket.write(ok),
  nonsense: (socket) => socket.write(nonsense),
};

for (const [name, request] of Object.entries(requests)) {
  describe(`answer-before-question: ${name}`, () => {
    for (const [how, end] of Object.entries(endings)) {
      it(`${name} is sent on a new connection when the kept one received ${how}`, async (test) => {
        const server = await serve(test);
        const line = transport(test);
        assert.equal(await ask(line, server.url, request()), 200);
        const [first] = server.sockets;
        assert.ok(first);
        await read();
        end(first);
        await read();
        assert.equal(await ask(line, server.url, request()), 200);
        assert.equal(server.sockets.length, 2);
      });

      it(`${name} is sent on a new connection when a preconnection received ${how}`, async (test) => {
        const server = await serve(test);
        const line = transport(test);
        await line.preconnect(server.url, 1);
        await server.met(1);
        const [first] = server.sockets;
        assert.ok(first);
        end(first);
        await read();
        assert.equal(await ask(line, server.url, request()), 200);
        assert.equal(server.heard[0], '');
      });

      it(`${name} is sent on a new connection when bytes were under way as it was assigned its own: ${how}`, async (test) => {
        const server = await serve(test);
        const line = transport(test);
        assert.equal(await ask(line, server.url, request()), 200);
        const [first] = server.sockets;
        assert.ok(first);
        await read();
        // In the same turn: the client's event loop had no chance to see the bytes.
        end(first);
        assert.equal(await ask(line, server.url, request()), 200);
        assert.equal(server.sockets.length, 2);
      });
    }

    if (!name.includes('one-shot'))
      it(`${name} is sent on a new connection when a 408 crossed it`, async (test) => {
        const server = await serve(test, (connection, nth) => (connection === 0 && nth > 0 ? givenUp : ok));
        const line = transport(test);
        assert.equal(await ask(line, server.url, requests['GET']?.() ?? request()), 200);
        await read();
        const large = name.includes('large');
        assert.equal(await ask(line, server.url, request()), large ? 408 : 200);
        assert.equal(server.sockets.length, large ? 1 : 2);
      });
  });
}

describe('a 408 answer', () => {
  const get = { method: 'GET', headers: {}, replay: 'safe' } as const;

  it('a 408 is the answer on a connection that was made for the request', async (test) => {
    const server = await serve(test, () => givenUp);
    assert.equal(await ask(transport(test), server.url, get), 408);
    assert.equal(server.sockets.length, 1);
  });

  it('a 408 is the answer when a new connection brings it, too', async (test) => {
    const server = await serve(test, (connection, nth) => (connection === 0 && nth === 0 ? ok : givenUp));
    const line = transport(test);
    assert.equal(await ask(line, server.url, get), 200);
    await read();
    assert.equal(await ask(line, server.url, get), 408);
    assert.equal(server.sockets.length, 2);
  });

  it('a 408 is the answer when the connection stays open, since it then belongs to the request', async (test) => {
    const kept = 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n';
    const server = await serve(test, (_, nth) => (nth === 0 ? ok : kept));
    const line = transport(test);
    assert.equal(await ask(line, server.url, get), 200);
    await read();
    assert.equal(await ask(line, server.url, get), 408);
    assert.equal(server.sockets.length, 1);
  });

  it('a 408 is the answer to a large body that was sent completely, since it may have been processed', async (test) => {
    const server = await serve(test, (_, nth) => (nth === 0 ? ok : givenUp));
    const line = transport(test);
    assert.equal(await ask(line, server.url, get), 200);
    await read();
    const put = { method: 'PUT', headers: {}, replay: 'never' } as const;
    const body = bytesContent(new Uint8Array(1_000_000));
    assert.equal(await ask(line, server.url, { ...put, body }), 408);
    assert.equal(server.sockets.length, 1);
  });

  it('a 408 in the middle of a replayable body sends the body on a new connection', async (test) => {
    const server = await serve(test);
    const line = transport(test);
    assert.equal(await ask(line, server.url, get), 200);
    const [first] = server.sockets;
    assert.ok(first);
    first.once('data', () => first.end(givenUp));
    let opened = 0;
    const counted: Content = {
      size: 200_000,
      replayable: true,
      async *open({ signal } = {}) {
        opened++;
        yield new Uint8Array(100_000);
        // The first attempt sends no more before the server has closed the connection.
        if (opened === 1) await new Promise((resolve) => signal?.addEventListener('abort', resolve));
        yield new Uint8Array(100_000);
      },
    };
    const sent = line.send({ method: 'PUT', url: server.url, headers: {}, replay: 'never', body: counted });
    assert.equal((await sent).status, 200);
    assert.deepEqual([opened, server.sockets.length], [2, 2]);
  });
});

it('a request that is aborted while its connection is checked is not sent', async (test) => {
  const server = await serve(test);
  const line = transport(test);
  const request = requests['POST without a body']?.();
  assert.ok(request);
  assert.equal(await ask(line, server.url, request), 200);
  await read();
  const before = server.heard[0];
  const abort = new AbortController();
  const reason = new Error('enough');
  const body: Content = {
    size: 1,
    replayable: true,
    open: () => assert.fail('the source is not opened'),
  };
  const sent = line.send({ ...request, body, url: server.url, signal: abort.signal });
  queueMicrotask(() => abort.abort(reason));
  await assert.rejects(sent, (error) => error === reason);
  await read();
  assert.equal(server.heard[0], before);
});
