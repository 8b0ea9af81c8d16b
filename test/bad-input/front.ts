import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/node/listen.ts';
import type { Registry } from '../../src/store/contract.ts';
import type { HttpRequest, HttpResponse } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { listening } from '../listening.ts';

/** A registry whose answers pass through `alter` on their way out: what a broken or lying one would say. */
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

/** A whole answer with another body, of the length that it says. It is the same for a part that was asked for. */
export function withBody(response: HttpResponse, bytes: Uint8Array): HttpResponse {
  const { 'content-range': _, ...headers } = response.headers;
  const length = [String(bytes.byteLength)];
  return { ...response, status: 200, headers: { ...headers, 'content-length': length }, body: bodyOf(bytes) };
}

/**
 * Passes on to `host` one exchange for each connection, and cuts the connection when a second request comes on it: to
 * the client it is as if the server had closed it while it lay idle. `cut` tells how often.
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
