import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { listenAnywhere } from '../../../bench/support/listen.ts';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { collect } from '../../flow/collect.ts';
import type { HttpRequest } from '../../wire/message.ts';
import type { Transport } from '../transport.ts';
import { createNodeTransport, type NodeTransportOptions } from './transport.ts';

interface Server {
  readonly url: string;
  readonly events: http.Server;
  /** The server's ends of all connections so far. */
  readonly sockets: readonly net.Socket[];
  /** Resolves when this many connections have been made. */
  met(connections: number): Promise<void>;
}

async function serve(
  test: TestContext,
  answer: http.RequestListener = (_, response) => response.end('ok'),
): Promise<Server> {
  const server = http.createServer(answer);
  const sockets: net.Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  return {
    url: `http://127.0.0.1:${await listening(test, server)}/`,
    events: server,
    sockets,
    async met(connections) {
      while (sockets.length < connections) await once(server, 'connection');
    },
  };
}

function transport(
  test: TestContext,
  options?: NodeTransportOptions,
): Transport & Required<Pick<Transport, 'preconnect'>> {
  const made = createNodeTransport(options);
  atEnd(test, () => made.close());
  return { ...made, preconnect: async (url, requests) => made.preconnect?.(url, requests) };
}

/** Starts a server and a transport, and announces requests. Resolves when their connections are open. */
async function announced(
  test: TestContext,
  requests: number,
  answer?: http.RequestListener,
): Promise<{ readonly server: Server; readonly line: ReturnType<typeof transport> }> {
  const [server, line] = [await serve(test, answer), transport(test)];
  await line.preconnect(server.url, requests);
  await server.met(requests);
  return { server, line };
}

async function ask({ send }: Transport, url: string, signal?: AbortSignal): Promise<string> {
  const request: HttpRequest = { method: 'GET', url, headers: {}, replay: 'safe', signal };
  const { body } = await send(request);
  return new TextDecoder().decode(await collect(body, { limit: 100, what: 'test body' }));
}

const together = (line: Transport, url: string, requests: number): Promise<readonly string[]> =>
  Promise.all(Array.from({ length: requests }, () => ask(line, url)));

describe('announced requests', () => {
  it('announced requests use the connections that were opened for them', async (test) => {
    const { server, line } = await announced(test, 3);
    assert.deepEqual(await together(line, server.url, 3), ['ok', 'ok', 'ok']);
    assert.equal(server.sockets.length, 3);
  });

  it('announced requests count the existing connections', async (test) => {
    const server = await serve(test);
    const line = transport(test);
    await together(line, server.url, 2);
    await line.preconnect(server.url, 3);
    await line.preconnect(server.url, 3);
    await server.met(3);
    await together(line, server.url, 3);
    assert.equal(server.sockets.length, 3);
  });

  it('at most 24 connections are opened before their requests', async (test) => {
    const server = await serve(test);
    const line = transport(test);
    await line.preconnect(server.url, 100);
    await line.preconnect(server.url, 100);
    await server.met(24);
    assert.equal(await ask(line, server.url), 'ok');
    assert.equal(server.sockets.length, 24);
  });

  it('announced requests are sent although the server has closed their connections meanwhile', async (test) => {
    const { server, line } = await announced(test, 2);
    for (const socket of server.sockets) socket.destroy();
    assert.deepEqual(await together(line, server.url, 2), ['ok', 'ok']);
  });

  it('an announced request is not sent again after it was aborted', async (test) => {
    const { server, line } = await announced(test, 1, () => undefined);
    const end = new AbortController();
    const asked = ask(line, server.url, end.signal);
    await once(server.events, 'request');
    end.abort(new Error('given up'));
    await assert.rejects(asked, { message: 'given up' });
    assert.equal(server.sockets.length, 1);
  });

  it('closing the transport closes the connections of announced requests that never came', async (test) => {
    const { server, line } = await announced(test, 2);
    const ended = server.sockets.map((socket) => once(socket, 'close'));
    await line.close();
    await Promise.all(ended);
    await line.preconnect(server.url, 2);
    assert.equal(server.sockets.length, 2);
  });

  it('announced requests report by themselves that nothing listens', async (test) => {
    const server = net.createServer();
    const url = `http://127.0.0.1:${await listenAnywhere(server)}/`;
    await new Promise((resolve) => server.close(resolve));
    const line = transport(test);
    await line.preconnect(url, 2);
    await assert.rejects(ask(line, url), { code: 'NO_CONNECTION' });
  });

  it('no connection is opened for an invalid address or through a proxy', async (test) => {
    const server = await serve(test);
    const line = transport(test, { proxy: server.url });
    await assert.rejects(line.preconnect('nowhere', 2), { code: 'NO_CONNECTION' });
    await line.preconnect('http://registry.example/', 2);
    assert.equal(server.sockets.length, 0);
  });
});
