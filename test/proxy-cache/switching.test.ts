import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { createLine } from '../../src/http/line.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createPullThrough } from '../../src/pull-through/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { giveImage } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import type { Send } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { listening } from '../listening.ts';

const upgrade = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n';

it('cache-stuck-by-101: an upstream that answers 101 blocks neither that tag nor the others', async (test) => {
  await using upstream = await startRegistry();
  await giveImage(upstream.registry.repository('app'), {}, 'a');
  await giveImage(upstream.registry.repository('app'), {}, 'c');
  const host = new URL(upstream.url).port;
  let isWell = false;
  const front = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => (isWell ? socket.destroy() : socket.write(upgrade)));
  });
  const ill = `http://127.0.0.1:${await listening(test, front)}`;
  const transport = createNodeTransport();
  atEnd(test, () => transport.close());
  // Switches to the state of the upstream: content that the cache has from the first is useless for the second.
  const send: Send = createLine({
    transport: (request) =>
      transport.send(
        isWell ? { ...request, url: request.url.replace(ill, `http://127.0.0.1:${host}`) } : request,
      ),
  });
  await using through = createPullThrough(createRemoteRegistry({ base: ill, send }), createMemoryRegistry());
  const app = createApp(through);
  const ask = async (tag: string): Promise<number> => {
    const url = `http://cache.test/v2/app/manifests/${tag}`;
    return (await app({ method: 'GET', url, headers: {}, replay: 'safe' })).status;
  };
  // More than one host gets at once, so the test would notice places that nothing returns.
  const tags = ['a', ...Array.from({ length: 40 }, (_, at) => `b${at}`)];
  assert.deepEqual(new Set(await Promise.all(tags.map(ask))), new Set([502]));
  isWell = true;
  assert.deepEqual([await ask('a'), await ask('c')], [200, 200]);
});
