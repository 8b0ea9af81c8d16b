import assert from 'node:assert/strict';
import http from 'node:http';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, streamContent } from '../flow/content.ts';
import type { HttpRequest } from '../wire/message.ts';
import { fetchTransport } from './fetch-transport.ts';

const servers: http.Server[] = [];
after(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler);
  servers.push(server);
  return `http://127.0.0.1:${await listenAnywhere(server)}`;
}

const { send } = fetchTransport(fetch);
const text = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  new TextDecoder().decode(await collect(body, { limit: 1 << 20, what: 'test body' }));
const request = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url,
  headers: {},
  replay: 'safe',
  ...more,
});

async function* reusing(): AsyncGenerator<Uint8Array> {
  const shared = new Uint8Array(100_000);
  for (let round = 0; round < 3; round++) yield shared.fill(round);
}

describe('fetchTransport', () => {
  it('fetchTransport sends small and streamed bodies and reads the answer', async () => {
    const url = await serve(async (incoming, response) => {
      let length = 0;
      for await (const chunk of incoming) length += chunk.length;
      response
        .writeHead(201, { 'x-seen': String(length) })
        .end(incoming.headers['content-length'] ?? 'chunked');
    });
    const small = await send(request(url, { method: 'PUT', body: bytesContent(new Uint8Array(5)) }));
    assert.equal(small.status, 201);
    assert.deepEqual(small.headers['x-seen'], ['5']);
    assert.equal(await text(small.body), '5');
    const streamed = await send(request(url, { method: 'PUT', body: streamContent(reusing()) }));
    assert.deepEqual(streamed.headers['x-seen'], ['300000']);
    assert.equal(await text(streamed.body), 'chunked');
  });

  it('fetchTransport follows no redirect', async () => {
    const url = await serve((_, response) => response.writeHead(307, { location: '/elsewhere' }).end());
    const response = await send(request(url));
    assert.equal(response.status, 307);
    assert.deepEqual(response.headers['location'], ['/elsewhere']);
  });

  it('fetchTransport reports no length for a decoded body', async () => {
    const zipped = gzipSync('hello');
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zipped.length }).end(zipped),
    );
    const response = await send(request(url));
    assert.equal(response.headers['content-length'], undefined);
    assert.equal(await text(response.body), 'hello');
  });

  it('fetchTransport rejects with NO_CONNECTION when nothing listens', async () => {
    const url = await serve(() => {});
    await new Promise((resolve) => servers.pop()?.close(resolve));
    await assert.rejects(send(request(url)), (error) => isGantryError(error, 'NO_CONNECTION'));
  });

  it('fetchTransport rejects with CUT_OFF when the connection ends before or within the answer', async () => {
    const before = await serve((incoming) => incoming.socket.destroy());
    await assert.rejects(send(request(before)), (error) => isGantryError(error, 'CUT_OFF'));
    const within = await serve((incoming, response) => {
      response.writeHead(200, { 'content-length': 10 }).write('half', () => incoming.socket.destroy());
    });
    const { body } = await send(request(within));
    await assert.rejects(text(body), (error) => isGantryError(error, 'CUT_OFF'));
  });

  it("fetchTransport throws the source's own error and the signal's own reason", async () => {
    const url = await serve((incoming) => incoming.resume());
    const mine = new Error('mine');
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(1);
      throw mine;
    }
    const isMine = (error: unknown): boolean => error === mine;
    await assert.rejects(send(request(url, { method: 'PUT', body: streamContent(failing()) })), isMine);
    await assert.rejects(
      send(request(url, { method: 'PUT', body: streamContent(failing(), { size: 2 }) })),
      isMine,
    );
    const abort = new AbortController();
    const sent = send(request(url, { signal: abort.signal }));
    abort.abort(mine);
    await assert.rejects(sent, isMine);
  });
});
