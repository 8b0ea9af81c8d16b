import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, it } from 'node:test';
import { listenAnywhere } from '../../../bench/support/listen.ts';
import { createGate } from '../../../test/gate.ts';
import { listening } from '../../../test/listening.ts';
import { type ErrorCode, isGantryError } from '../../errors.ts';
import { collect } from '../../flow/collect.ts';
import { bytesContent, type Content, streamContent } from '../../flow/content.ts';
import { get, serveRaw, transport } from './stage.test.support.ts';

/** Returns a URL of this machine at which no server listens. */
async function unserved(): Promise<string> {
  const server = net.createServer();
  const port = await listenAnywhere(server);
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/`;
}

/** Calls one function for each connection, in order. */
function inTurn(
  ...acts: readonly ((socket: net.Socket) => void)[]
): (socket: net.Socket, at: number) => void {
  return (socket, at) => acts[at]?.(socket);
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  new TextDecoder().decode(await collect(body, { limit: 1 << 20, what: 'test body' }));

async function* chunkOf(chunk: string): AsyncGenerator<Uint8Array> {
  yield bytes(chunk);
}

const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isGantryError(error, code));

const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Answers one request and closes the connection at the next one. */
const closing = (socket: net.Socket): void => {
  socket.once('data', () => {
    socket.write(answer);
    socket.once('data', () => socket.resetAndDestroy());
  });
};

const answering = (socket: net.Socket): void => {
  let seen = '';
  socket.on('data', (data) => {
    seen += data.toString('latin1');
    if (/^(GET|POST)/.test(seen) || seen.endsWith('body')) socket.write(answer);
  });
};

const half = (socket: net.Socket): void => {
  socket.once('data', () => {
    socket.write(answer);
    socket.once('data', () => socket.end('HTTP/1.1 200'));
  });
};

describe('a failing connection', () => {
  it('the transport rejects with NO_CONNECTION and names the host when nothing listens', async (test) => {
    const url = await unserved();
    await assert.rejects(transport(test).send(get(url)), (error: unknown) => {
      assert.ok(isGantryError(error, 'NO_CONNECTION'));
      return error.message.includes(new URL(url).host);
    });
  });

  it('the transport does not open a body when there is no connection', async (test) => {
    const url = await unserved();
    const body: Content = { replayable: false, open: () => assert.fail('opened') };
    await rejects(transport(test).send(get(url, { method: 'PUT', body })), 'NO_CONNECTION');
  });

  it('the transport rejects with NO_CONNECTION when the host name is unknown', (test) =>
    rejects(transport(test).send(get('http://nowhere.invalid/')), 'NO_CONNECTION'));

  for (const url of ['ftp://host/', 'v2/', 'http://', 'file:///etc/passwd']) {
    it(`the transport rejects ${url} with NO_CONNECTION`, (test) =>
      rejects(transport(test).send(get(url)), 'NO_CONNECTION'));
  }

  it('the transport rejects with NO_CONNECTION when the server does not speak HTTP', async (test) => {
    const { url } = await serveRaw(test, (socket) =>
      socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n\r\n')),
    );
    await rejects(transport(test).send(get(url)), 'NO_CONNECTION');
  });

  it('the transport rejects with NO_CONNECTION when the server does not speak TLS', async (test) => {
    const url = `http://127.0.0.1:${await listening(
      test,
      http.createServer((_, response) => response.end()),
    )}/`;
    await rejects(transport(test).send(get(url.replace('http:', 'https:'))), 'NO_CONNECTION');
  });

  it('the transport rejects with TIMED_OUT when the TLS handshake does not end', async (test) => {
    const { url } = await serveRaw(test, () => {});
    await rejects(
      transport(test, { connectWithin: 1 }).send(get(url.replace('http:', 'https:'))),
      'TIMED_OUT',
    );
  });

  it('the transport rejects with CUT_OFF when the connection ends before the answer', async (test) => {
    const { url } = await serveRaw(test, (socket) => socket.once('data', () => socket.destroy()));
    await rejects(transport(test).send(get(url)), 'CUT_OFF');
  });

  for (const [name, head] of [
    ['a body of a known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'],
    ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n'],
  ] as const) {
    it(`the transport rejects with CUT_OFF when the connection ends within ${name}`, async (test) => {
      const { url } = await serveRaw(test, (socket) => socket.once('data', () => socket.end(head)));
      const response = await transport(test).send(get(url));
      assert.equal(response.status, 200);
      await rejects(text(response.body), 'CUT_OFF');
    });
  }

  it('the transport rejects with CUT_OFF a reader that starts after the connection broke', async (test) => {
    const begun = createGate();
    const { url } = await serveRaw(test, (socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'));
      void begun.opened.then(() => socket.resetAndDestroy());
    });
    const response = await transport(test).send(get(url));
    const iterator = response.body[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).done, false);
    begun.open();
    await rejects(iterator.next(), 'CUT_OFF');
  });
});

describe('a kept connection that the server has closed', () => {
  for (const [name, more] of [
    ['a read', {}],
    ['a request without a body that only its sender repeats', { method: 'POST', replay: 'never' }],
    ['a small replayable body', { method: 'PUT', replay: 'never', body: bytesContent(bytes('body')) }],
  ] as const) {
    it(`a closed kept connection is replaced by a new one for ${name}`, async (test) => {
      const { url } = await serveRaw(test, inTurn(closing, answering));
      const { send } = transport(test);
      assert.equal(await text((await send(get(url))).body), 'ok');
      assert.equal(await text((await send(get(url, more))).body), 'ok');
    });
  }

  it('a closed kept connection is CUT_OFF for a one-shot body that has been opened', async (test) => {
    const { url } = await serveRaw(test, inTurn(closing, answering));
    const { send } = transport(test);
    await text((await send(get(url))).body);
    const body = streamContent(chunkOf('body'), { size: 4 });
    await assert.rejects(send(get(url, { method: 'PUT', replay: 'never', body })), (error) =>
      isGantryError(error, 'CUT_OFF'),
    );
  });

  it('a closed kept connection is CUT_OFF when a new connection fails, too', async (test) => {
    const { url } = await serveRaw(
      test,
      inTurn(closing, (socket) => socket.once('data', () => socket.resetAndDestroy())),
    );
    const { send } = transport(test);
    await text((await send(get(url))).body);
    await assert.rejects(send(get(url)), (error) => isGantryError(error, 'CUT_OFF'));
  });

  it('a closed kept connection is CUT_OFF, without a retry, when part of an answer had arrived', async (test) => {
    const { url } = await serveRaw(test, inTurn(half, answering));
    const { send } = transport(test);
    await text((await send(get(url))).body);
    await assert.rejects(send(get(url)), (error) => isGantryError(error, 'CUT_OFF'));
  });
});
