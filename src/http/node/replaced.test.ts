import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { it } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { isGantryError } from '../../errors.ts';

import { bytesContent, type Content } from '../../flow/content.ts';
import { parseTargetUri } from '../../wire/target-uri.ts';
import { drainBody } from '../drain.ts';
import { type Connector, createConnector } from './connector.ts';
import { type SentRequest, sendRequest } from './sent-request.ts';

/** Deno moves a request to a new connection by itself and emits a second `socket` event. These tests do the same. */

const cases: readonly { readonly name: string; readonly body?: Content; readonly repeats: boolean }[] = [
  { name: 'a request without a body', repeats: true },
  { name: 'a request with a replayable body', body: bytesContent(new Uint8Array(100)), repeats: true },
  {
    name: 'a request whose large body is partly sent',
    body: bytesContent(new Uint8Array(100_000)),
    repeats: false,
  },
];

interface Sent {
  readonly outgoing: http.ClientRequest;
  readonly exchanged: SentRequest;
}

function send(url: string, connector: Connector, content?: Content): Sent {
  const method = content === undefined ? 'GET' : 'PUT';
  const headers = content === undefined ? {} : { 'content-length': String(content.size) };
  const outgoing = connector.open({ method, path: '/', headers }, { fresh: false });
  const request = { method, url, headers: {}, replay: 'never', ...(content && { body: content }) } as const;
  return {
    outgoing,
    exchanged: sendRequest(outgoing, request, {
      connector,
      target: parseTargetUri(url),
      connectWithin: 30_000,
    }),
  };
}

for (const { name, body, repeats } of cases) {
  const outcome = repeats ? 'can be sent again' : 'is CUT_OFF';
  it(`deno-hang: ${name} ${outcome} when the runtime replaces its kept connection`, {
    timeout: 60_000,
  }, async (test) => {
    const server = http.createServer((_, response) => response.end('ok'));
    const silent = net.createServer();
    const url = `http://127.0.0.1:${await listening(test, server)}/`;
    const target = parseTargetUri(url);
    const connector = await createConnector(target, {
      tls: {},
      proxy: undefined,
      proxyTls: {},
      lookup: (hostname, _, callback) => callback(null, hostname, 4),
      connectWithin: 30_000,
    });
    atEnd(test, () => connector.close());
    const first = send(url, connector);
    const isKept = once(first.outgoing, 'close');
    await drainBody((await first.exchanged.response).body);
    await isKept;
    server.removeAllListeners('request');
    const arrived = once(server, 'request');

    const second = send(url, connector, body);
    await arrived;
    assert.ok(second.outgoing.reusedSocket);
    const other = net.connect(await listening(test, silent), '127.0.0.1');
    atEnd(test, () => other.destroy());
    second.outgoing.emit('socket', other);

    await assert.rejects(second.exchanged.response, (error) => isGantryError(error, 'CUT_OFF'));
    assert.equal(second.exchanged.wasStale(), repeats);
  });
}
