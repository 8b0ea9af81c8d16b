import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/node/listen.ts';
import type { Registry } from '../../src/store/contract.ts';
import type { HttpRequest, HttpResponse } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { listening } from '../listening.ts';

/** Serves a registry whose responses pass through `alter`, as a broken or lying registry sends them. */
export async function servedBy(
  test: TestContext,
  registry: Registry,
  alter: (response: HttpResponse, request: HttpRequest) => HttpResponse = (response) => response,
): Promise<string> {
  const app = createApp(registry);
  const listener = await listen(async (request) => alter(await app(request), request));
  atEnd(test, () => listener.close({ grace: 0 }));
  return listener.url.replace('http://', '');
}

async function* bodyOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}

/** Returns a complete response with another body and its Content-Length, also for a request of a part. */
export function withBody(response: HttpResponse, bytes: Uint8Array): HttpResponse {
  const { 'content-range': _, ...headers } = response.headers;
  const length = [String(bytes.byteLength)];
  return { ...response, status: 200, headers: { ...headers, 'content-length': length }, body: bodyOf(bytes) };
}

/**
 * Forwards one exchange to `host` on each connection, and cuts the connection when a second request arrives. The client
 * sees a server that has closed an idle connection. `cut` returns the number of cuts.
 */
export async function closingIdle(
  test: TestContext,
  host: string,
): Promise<{ readonly host: string; readonly cut: () => number }> {
  let cut = 0;
  const [name = '', port] = host.split(':');
  const server = createServer((client) => {
    const registry = connect(Number(port), name);
    let answered = false;
    const end = (): void => {
      client.destroy();
      registry.destroy();
    };
    for (const socket of [client, registry]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      if (!answered) return registry.write(chunk);
      cut++;
      return client.resetAndDestroy();
    });
    registry.on('data', (chunk) => {
      answered = true;
      client.write(chunk);
    });
  });
  return { host: `127.0.0.1:${await listening(test, server)}`, cut: () => cut };
}
