import assert from 'node:assert/strict';
import http from 'node:http';
import type net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createGate } from '../../../test/gate.ts';
import { listening } from '../../../test/listening.ts';
import { isGantryError } from '../../errors.ts';
import { collect, discard } from '../../flow/collect.ts';
import { bytesContent, type Content, streamContent } from '../../flow/content.ts';
import { get, transport } from './stage.test.support.ts';

async function listen(test: TestContext, server: net.Server): Promise<string> {
  return `http://127.0.0.1:${await listening(test, server)}`;
}

function serve(test: TestContext, handler: http.RequestListener): Promise<string> {
  return listen(test, http.createServer(handler));
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

describe('createNodeTransport', () => {
  it('the transport sends method, path and headers byte for byte and returns repeated answer headers separately', async (test) => {
    const url = await serve(test, (request, response) => {
      response.setHeader('WWW-Authenticate', ['Bearer realm="a, b"', 'Basic']);
      response.end(
        JSON.stringify({ method: request.method, url: request.url, headers: request.headersDistinct }),
      );
    });
    const path = '/v2/a/../b/%7e~?_state=a%20b+c&empty&x=%2F';
    const response = await transport(test).send(
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

  it('the transport returns a gzipped body unchanged', async (test) => {
    const url = await serve(test, (_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('not gzip'),
    );
    const response = await transport(test).send(get(url));
    assert.equal(await text(response.body), 'not gzip');
  });

  it('the transport sends the length of a body of known size and uses chunks otherwise', async (test) => {
    const url = await serve(test, (request, response) => {
      const { 'content-length': length, 'transfer-encoding': encoding, expect } = request.headers;
      request.resume().on('end', () => response.end(`${length} ${encoding} ${expect}`));
    });
    const send = transport(test).send;
    const put = async (body?: Content): Promise<string> =>
      text((await send(get(url, { method: 'PUT', ...(body === undefined ? {} : { body }) }))).body);
    assert.equal(await put(bytesContent(bytes('abc'))), '3 undefined undefined');
    assert.equal(await put(streamContent(once('abc'), { size: 3 })), '3 undefined undefined');
    assert.equal(await put(streamContent(once('abc'))), 'undefined chunked undefined');
    assert.equal(await put(), '0 undefined undefined');
  });

  it('the transport asks the source for the next chunk only when the last one has been taken', async (test) => {
    const url = await serve(test, async (request, response) => {
      const seen: number[] = [];
      for await (const chunk of request) for (const byte of chunk) if (seen.at(-1) !== byte) seen.push(byte);
      response.end(JSON.stringify(seen));
    });
    const shared = new Uint8Array(256 * 1024);
    async function* reusing(): AsyncGenerator<Uint8Array> {
      for (let round = 1; round <= 20; round++) yield shared.fill(round);
    }
    const response = await transport(test).send(get(url, { method: 'PUT', body: streamContent(reusing()) }));
    assert.deepEqual(
      JSON.parse(await text(response.body)),
      Array.from({ length: 20 }, (_, at) => at + 1),
    );
  });

  it('the transport accepts 100 KiB of headers', async (test) => {
    const long = 'x'.repeat(100 * 1024);
    const url = await serve(test, (_, response) => response.setHeader('x-long', long).end());
    assert.deepEqual((await transport(test).send(get(url))).headers['x-long'], [long]);
  });

  // id: connection-reuse
  it('the transport sends many requests over one connection', async (test) => {
    let connections = 0;
    const server = http.createServer((request, response) => {
      request.resume();
      if (request.method === 'HEAD') response.setHeader('content-length', 10);
      response.statusCode = request.method === 'DELETE' ? 204 : 200;
      response.end(request.method === 'GET' ? 'hello' : undefined);
    });
    server.on('connection', () => connections++);
    const url = await listen(test, server);
    const { send } = transport(test);
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
  it('an early answer resolves at once, stops the source and closes the connection', async (test) => {
    let connections = 0;
    const server = http.createServer((request, response) => {
      if (request.method === 'GET') response.end();
      else response.writeHead(413).end('too much');
    });
    server.on('connection', () => connections++);
    const url = await listen(test, server);
    const { send } = transport(test);
    const stopped = createGate();
    const response = await send(get(url, { method: 'PUT', body: streamContent(endless(stopped.open)) }));
    assert.equal(response.status, 413);
    assert.equal(await text(response.body), 'too much');
    await stopped.opened;
    await send(get(url));
    assert.equal(connections, 2);
  });

  it('an early answer aborts the signal of a source that waits for its own bytes', async (test) => {
    const url = await serve(test, (_, response) => response.writeHead(401).end());
    const told = createGate();
    const body: Content = {
      replayable: false,
      async *open({ signal } = {}) {
        yield bytes('x');
        await new Promise<void>((wake) => signal?.addEventListener('abort', () => wake()));
        told.open();
      },
    };
    assert.equal((await transport(test).send(get(url, { method: 'PUT', body }))).status, 401);
    await told.opened;
  });
});

describe('a body unlike its announced length', () => {
  for (const [name, size] of [
    ['longer', 2],
    ['shorter', 9],
  ] as const) {
    it(`the transport rejects with SIZE_INVALID when a body is ${name} than announced`, async (test) => {
      const url = await serve(test, (request, response) => request.resume().on('end', () => response.end()));
      const body: Content = { ...bytesContent(bytes('four')), size };
      await assert.rejects(transport(test).send(get(url, { method: 'PUT', body })), (error) =>
        isGantryError(error, 'SIZE_INVALID'),
      );
    });
  }

  it("the transport throws the source's own error unchanged", async (test) => {
    const url = await serve(test, (request) => request.resume());
    const mine = new Error('source failed');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield bytes('x');
      throw mine;
    }
    const request = get(url, { method: 'PUT', body: streamContent(failing(), { size: 9 }) });
    await assert.rejects(transport(test).send(request), (error) => error === mine);
  });
});

describe('an abort', () => {
  const reason = new Error('enough');
  const isReason = (error: unknown): boolean => error === reason;

  it('an abort before the request throws the reason and sends nothing', async (test) => {
    const url = await serve(test, () => assert.fail('nothing may arrive'));
    await assert.rejects(transport(test).send(get(url, { signal: AbortSignal.abort(reason) })), isReason);
  });

  it('an abort while the answer is awaited throws the reason', async (test) => {
    const abort = new AbortController();
    const url = await serve(test, () => abort.abort(reason));
    await assert.rejects(transport(test).send(get(url, { signal: abort.signal })), isReason);
  });

  it('an abort while the body is sent throws the reason and stops the source', async (test) => {
    const abort = new AbortController();
    const url = await serve(test, (request) => request.once('data', () => abort.abort(reason)));
    const stopped = createGate();
    const request = get(url, {
      method: 'PUT',
      body: streamContent(endless(stopped.open)),
      signal: abort.signal,
    });
    await assert.rejects(transport(test).send(request), isReason);
    await stopped.opened;
  });

  it('an abort while the answer is read throws the reason', async (test) => {
    const abort = new AbortController();
    const url = await serve(test, (_, response) => response.write('some'));
    const { body } = await transport(test).send(get(url, { signal: abort.signal }));
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
    it(`ending the iteration of an answer ${name} closes the connection`, async (test) => {
      const closed = createGate();
      const url = await serve(test, (_, response) => {
        response.on('close', closed.open).write('begin');
      });
      const { body } = await transport(test).send(get(url));
      const iterator = body[Symbol.asyncIterator]();
      for (let at = 0; at < begin; at++) await iterator.next();
      await iterator.return?.();
      await closed.opened;
      assert.equal((await iterator.next()).done, true);
      await discard(body);
    });
  }
});
