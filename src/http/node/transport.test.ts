import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import { listenAnywhere } from '../../../bench/support/listen.ts';
import { type ErrorCode, isGantryError } from '../../errors.ts';
import { collect, discard } from '../../flow/collect.ts';
import { bytesContent, type Content, streamContent } from '../../flow/content.ts';
import type { HttpRequest } from '../../wire/message.ts';
import { createNodeTransport } from './transport.ts';

const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers.splice(0)) await close();
});

function transport(
  options?: Parameters<typeof createNodeTransport>[0],
): ReturnType<typeof createNodeTransport> {
  const made = createNodeTransport(options);
  closers.push(() => made.close());
  return made;
}

async function listen(server: net.Server): Promise<string> {
  const port = await listenAnywhere(server);
  closers.push(async () => {
    if (server instanceof http.Server) server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${port}`;
}

function serve(handler: http.RequestListener): Promise<string> {
  return listen(http.createServer(handler));
}

/** A server with answers written by hand: one function per connection, in order. */
function serveRaw(...connections: ((socket: net.Socket) => void)[]): Promise<string> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    connections.shift()?.(socket);
  });
  closers.push(async () => {
    for (const socket of open) socket.destroy();
  });
  return listen(server);
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: {}, replay: 'safe', ...more };
}

/** A promise that the test resolves. */
function createGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open?.() };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  new TextDecoder().decode(await collect(body, { limit: 1 << 20, what: 'test body' }));

async function* endless(onReturn: () => void): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(64 * 1024);
  try {
    for (;;) yield chunk;
  } finally {
    onReturn();
  }
}

async function* once(chunk: string): AsyncGenerator<Uint8Array> {
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

describe('createNodeTransport', () => {
  it('the transport sends method, path and headers byte for byte and returns repeated answer headers separately', async () => {
    const url = await serve((request, response) => {
      response.setHeader('WWW-Authenticate', ['Bearer realm="a, b"', 'Basic']);
      response.end(
        JSON.stringify({ method: request.method, url: request.url, headers: request.headersDistinct }),
      );
    });
    const path = '/v2/a/../b/%7e~?_state=a%20b+c&empty&x=%2F';
    const response = await transport().send(
      get(url + path, { headers: { accept: ['a', 'b'], 'x-one': ['1'] } }),
    );
    assert.deepEqual(response.headers['www-authenticate'], ['Bearer realm="a, b"', 'Basic']);
    const seen = JSON.parse(await text(response.body));
    assert.equal(seen.url, path);
    assert.deepEqual(seen.headers.accept, ['a', 'b']);
    assert.deepEqual(seen.headers['x-one'], ['1']);
    assert.equal(seen.headers['accept-encoding'], undefined);
    assert.equal(seen.headers['transfer-encoding'], undefined);
  });

  it('the transport returns a gzipped body unchanged', async () => {
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'),
    );
    const response = await transport().send(get(url));
    assert.equal(await text(response.body), 'not gzip');
  });

  it('the transport sends the length of a body of known size and uses chunks otherwise', async () => {
    const url = await serve((request, response) => {
      const { 'content-length': length, 'transfer-encoding': encoding, expect } = request.headers;
      request.resume().on('end', () => response.end(`${length} ${encoding} ${expect}`));
    });
    const send = transport().send;
    const put = async (body?: Content): Promise<string> =>
      text((await send(get(url, { method: 'PUT', ...(body === undefined ? {} : { body }) }))).body);
    assert.equal(await put(bytesContent(bytes('abc'))), '3 undefined undefined');
    assert.equal(await put(streamContent(once('abc'), { size: 3 })), '3 undefined undefined');
    assert.equal(await put(streamContent(once('abc'))), 'undefined chunked undefined');
    assert.equal(await put(), '0 undefined undefined');
  });

  it('the transport asks the source for the next chunk only when the last one has been taken', async () => {
    const url = await serve(async (request, response) => {
      const seen: number[] = [];
      for await (const chunk of request) for (const byte of chunk) if (seen.at(-1) !== byte) seen.push(byte);
      response.end(JSON.stringify(seen));
    });
    const shared = new Uint8Array(256 * 1024);
    async function* reusing(): AsyncGenerator<Uint8Array> {
      for (let round = 1; round <= 20; round++) yield shared.fill(round);
    }
    const response = await transport().send(get(url, { method: 'PUT', body: streamContent(reusing()) }));
    assert.deepEqual(
      JSON.parse(await text(response.body)),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
  });

  it('the transport accepts 100 KiB of headers', async () => {
    const long = 'x'.repeat(100 * 1024);
    const url = await serve((_, response) => response.setHeader('x-long', long).end());
    assert.deepEqual((await transport().send(get(url))).headers['x-long'], [long]);
  });

  // id: connection-reuse
  it('the transport sends many requests over one connection', async () => {
    let connections = 0;
    const server = http.createServer((request, response) => {
      request.resume();
      if (request.method === 'HEAD') response.setHeader('content-length', 10);
      response.statusCode = request.method === 'DELETE' ? 204 : 200;
      response.end(request.method === 'GET' ? 'hello' : undefined);
    });
    server.on('connection', () => connections++);
    const url = await listen(server);
    const { send } = transport();
    await send(get(url, { method: 'HEAD' }));
    await send(get(url, { method: 'DELETE' }));
    assert.equal(await text((await send(get(url))).body), 'hello');
    await send(
      get(url, { method: 'PUT', body: bytesContent(bytes('x')), headers: { 'content-length': ['1'] } }),
    );
    assert.equal(connections, 1);
  });
});

describe('an answer that arrives while the body is being sent', () => {
  it('an early answer resolves at once, stops the source and closes the connection', async () => {
    let connections = 0;
    const server = http.createServer((request, response) => {
      if (request.method === 'GET') response.end();
      else response.writeHead(413).end('too much');
    });
    server.on('connection', () => connections++);
    const url = await listen(server);
    const { send } = transport();
    const stopped = createGate();
    const response = await send(get(url, { method: 'PUT', body: streamContent(endless(stopped.open)) }));
    assert.equal(response.status, 413);
    assert.equal(await text(response.body), 'too much');
    await stopped.opened;
    await send(get(url));
    assert.equal(connections, 2);
  });

  it('an early answer aborts the signal of a source that waits for its own bytes', async () => {
    const url = await serve((_, response) => response.writeHead(401).end());
    const told = createGate();
    const body: Content = {
      replayable: false,
      async *open({ signal } = {}) {
        yield bytes('x');
        await new Promise<void>((wake) => signal?.addEventListener('abort', () => wake()));
        told.open();
      },
    };
    assert.equal((await transport().send(get(url, { method: 'PUT', body }))).status, 401);
    await told.opened;
  });
});

describe('a failing connection', () => {
  it('the transport rejects with NO_CONNECTION and names the host when nothing listens', async () => {
    const server = net.createServer();
    const url = await listen(server);
    await closers.pop()?.();
    await assert.rejects(transport().send(get(url)), (error: unknown) => {
      assert.ok(isGantryError(error, 'NO_CONNECTION'));
      return error.message.includes(url.slice('http://'.length));
    });
  });

  it('the transport does not open a body when there is no connection', async () => {
    const server = net.createServer();
    const url = await listen(server);
    await closers.pop()?.();
    const body: Content = { replayable: false, open: () => assert.fail('opened') };
    await rejects(transport().send(get(url, { method: 'PUT', body })), 'NO_CONNECTION');
  });

  it('the transport rejects with NO_CONNECTION when the host name is unknown', () =>
    rejects(transport().send(get('http://nowhere.invalid/')), 'NO_CONNECTION'));

  for (const url of ['ftp://host/', 'v2/', 'http://', 'file:///etc/passwd']) {
    it(`the transport rejects ${url} with NO_CONNECTION`, () =>
      rejects(transport().send(get(url)), 'NO_CONNECTION'));
  }

  it('the transport rejects with NO_CONNECTION when the server does not speak HTTP', async () => {
    const url = await serveRaw((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH\r\n\r\n')));
    await rejects(transport().send(get(url)), 'NO_CONNECTION');
  });

  it('the transport rejects with NO_CONNECTION when the server does not speak TLS', async () => {
    const url = await serve((_, response) => response.end());
    await rejects(transport().send(get(url.replace('http:', 'https:'))), 'NO_CONNECTION');
  });

  it('the transport rejects with TIMED_OUT when the TLS handshake does not end', async () => {
    const url = await serveRaw(() => {});
    await rejects(transport({ connectWithin: 1 }).send(get(url.replace('http:', 'https:'))), 'TIMED_OUT');
  });

  it('the transport rejects with CUT_OFF when the connection ends before the answer', async () => {
    const url = await serveRaw((socket) => socket.once('data', () => socket.destroy()));
    await rejects(transport().send(get(url)), 'CUT_OFF');
  });

  for (const [name, head] of [
    ['a body of a known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'],
    ['a chunked body', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n'],
  ] as const) {
    it(`the transport rejects with CUT_OFF when the connection ends within ${name}`, async () => {
      const url = await serveRaw((socket) => socket.once('data', () => socket.end(head)));
      const response = await transport().send(get(url));
      assert.equal(response.status, 200);
      await rejects(text(response.body), 'CUT_OFF');
    });
  }

  it('the transport rejects with CUT_OFF a reader that starts after the connection broke', async () => {
    const begun = createGate();
    const url = await serveRaw((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'));
      void begun.opened.then(() => socket.resetAndDestroy());
    });
    const response = await transport().send(get(url));
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
    it(`a closed kept connection is replaced by a new one for ${name}`, async () => {
      const url = await serveRaw(closing, answering);
      const { send } = transport();
      assert.equal(await text((await send(get(url))).body), 'ok');
      assert.equal(await text((await send(get(url, more))).body), 'ok');
    });
  }

  it('a closed kept connection is CUT_OFF for a one-shot body that has been opened', async () => {
    const url = await serveRaw(closing, answering);
    const { send } = transport();
    await text((await send(get(url))).body);
    const body = streamContent(once('body'), { size: 4 });
    await assert.rejects(send(get(url, { method: 'PUT', replay: 'never', body })), (error) =>
      isGantryError(error, 'CUT_OFF'),
    );
  });

  it('a closed kept connection is CUT_OFF when a new connection fails, too', async () => {
    const url = await serveRaw(closing, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const { send } = transport();
    await text((await send(get(url))).body);
    await assert.rejects(send(get(url)), (error) => isGantryError(error, 'CUT_OFF'));
  });

  it('a closed kept connection is CUT_OFF, without a retry, when part of an answer had arrived', async () => {
    const url = await serveRaw(half, answering);
    const { send } = transport();
    await text((await send(get(url))).body);
    await assert.rejects(send(get(url)), (error) => isGantryError(error, 'CUT_OFF'));
  });
});

describe('a body unlike its announced length', () => {
  for (const [name, size] of [
    ['longer', 2],
    ['shorter', 9],
  ] as const) {
    it(`the transport rejects with SIZE_INVALID when a body is ${name} than announced`, async () => {
      const url = await serve((request, response) => request.resume().on('end', () => response.end()));
      const body: Content = { ...bytesContent(bytes('four')), size };
      await assert.rejects(transport().send(get(url, { method: 'PUT', body })), (error) =>
        isGantryError(error, 'SIZE_INVALID'),
      );
    });
  }

  it("the transport throws the source's own error unchanged", async () => {
    const url = await serve((request) => request.resume());
    const mine = new Error('source failed');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytes('x');
      throw mine;
    }
    const request = get(url, { method: 'PUT', body: streamContent(failing(), { size: 9 }) });
    await assert.rejects(transport().send(request), (error) => error === mine);
  });
});

describe('an abort', () => {
  const reason = new Error('enough');
  const isReason = (error: unknown): boolean => error === reason;

  it('an abort before the request throws the reason and sends nothing', async () => {
    const url = await serve(() => assert.fail('nothing may arrive'));
    await assert.rejects(transport().send(get(url, { signal: AbortSignal.abort(reason) })), isReason);
  });

  it('an abort while the answer is awaited throws the reason', async () => {
    const abort = new AbortController();
    const url = await serve(() => abort.abort(reason));
    await assert.rejects(transport().send(get(url, { signal: abort.signal })), isReason);
  });

  it('an abort while the body is sent throws the reason and stops the source', async () => {
    const abort = new AbortController();
    const url = await serve((request) => request.once('data', () => abort.abort(reason)));
    const stopped = createGate();
    const request = get(url, {
      method: 'PUT',
      body: streamContent(endless(stopped.open)),
      signal: abort.signal,
    });
    await assert.rejects(transport().send(request), isReason);
    await stopped.opened;
  });

  it('an abort while the answer is read throws the reason', async () => {
    const abort = new AbortController();
    const url = await serve((_, response) => response.write('some'));
    const { body } = await transport().send(get(url, { signal: abort.signal }));
    const iterator = body[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    abort.abort(reason);
    await assert.rejects(next, isReason);
  });
});

describe('an answer that is not read to its end', () => {
  for (const [name, begin] of [
    ['before it began', 0],
    ['after a chunk', 1],
  ] as const) {
    it(`ending the iteration of an answer ${name} closes the connection`, async () => {
      const closed = createGate();
      const url = await serve((_, response) => {
        response.on('close', closed.open).write('begin');
      });
      const { body } = await transport().send(get(url));
      const iterator = body[Symbol.asyncIterator]();
      for (let at = 0; at < begin; at++) await iterator.next();
      await iterator.return?.();
      await closed.opened;
      assert.equal((await iterator.next()).done, true);
      await discard(body);
    });
  }
});
