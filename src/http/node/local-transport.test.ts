import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { folder } from '../../../test/folder.ts';
import { collect } from '../../flow/collect.ts';
import { bytesContent, streamContent } from '../../flow/content.ts';
import { failsWith } from '../../testing/contract/sample.ts';
import type { Transport } from '../transport.ts';
import { createLocalTransport } from './local-transport.ts';

interface Scene {
  readonly transport: Transport;
  /** The number of connections so far. */
  readonly connections: () => number;
}

async function scene(test: TestContext, listener: RequestListener): Promise<Scene> {
  const path = join(await folder(test), 'a.sock');
  const open = new Set<Socket>();
  const server = createServer(listener);
  server.on('connection', (socket: Socket) => open.add(socket));
  server.listen(path);
  await once(server, 'listening');
  const transport = createLocalTransport(path);
  atEnd(test, async () => {
    await transport.close();
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { transport, connections: () => open.size };
}

const text = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  new TextDecoder().decode(await collect(body, { limit: 1000, what: 'an answer' }));

describe('requests over a socket file', {
  skip: process.platform === 'win32' && 'Windows has no socket files',
}, () => {
  it('A body of unknown length goes out, the answer comes back, and one connection serves several requests.', async (test) => {
    const { transport, connections } = await scene(test, (request, response) => {
      request.setEncoding('utf8');
      let body = '';
      request.on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () =>
        response.end(`${request.method} ${request.headers.host} ${request.url} ${body}`),
      );
    });
    const send = async (body: string): Promise<string> => {
      const content = streamContent(bytesContent(new TextEncoder().encode(body)).open());
      const answer = await transport.send({
        method: 'POST',
        url: 'http://docker/load?quiet=1',
        headers: {},
        body: content,
        replay: 'never',
      });
      return text(answer.body);
    };
    assert.equal(await send('one'), 'POST docker /load?quiet=1 one');
    assert.equal(await send('two'), 'POST docker /load?quiet=1 two');
    assert.equal(connections(), 1);
  });

  it('A socket that does not exist is NO_CONNECTION.', async (test) => {
    const transport = createLocalTransport(join(await folder(test), 'none.sock'));
    await failsWith(
      transport.send({ method: 'GET', url: 'http://docker/', headers: {}, replay: 'safe' }),
      'NO_CONNECTION',
    );
  });
});
