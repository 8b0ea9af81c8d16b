import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { asking, Gate, pushBlob } from '../../src/server/ask.test.support.ts';
import type { Exchange } from '../../src/server/exchange.ts';
import { formatExchange } from '../../src/server/log.ts';
import { dial, head } from '../../src/server/node/dial.test.support.ts';
import { type Listener, type ListenOptions, listen } from '../../src/server/node/listen.ts';
import { atEnd } from '../at-end.ts';
import { answersIn } from './rows-stage.ts';

interface Served extends Listener {
  readonly ask: ReturnType<typeof asking>;
  /** The largest number of requests at work at once, and the number of all. */
  readonly seen: { most: number; all: number };
}

async function served(test: TestContext, options: ListenOptions = {}): Promise<Served> {
  const app = createApp(createMemoryRegistry());
  const seen = { now: 0, most: 0, all: 0 };
  const ended = (exchange: Exchange): void => {
    seen.now--;
    options.observer?.ended(exchange);
  };
  const listener = await listen(
    async (request) => {
      seen.all++;
      seen.most = Math.max(seen.most, ++seen.now);
      return app(request);
    },
    { ...options, observer: { ended } },
  );
  atEnd(test, () => listener.close({ grace: 0 }));
  return { ...listener, ask: asking(app), seen };
}

describe('a connection', () => {
  it('pipelined-flood: a connection has its requests served one after the other, and answered in their order', async (test) => {
    const { port, ask, seen } = await served(test);
    const digests = await Promise.all(
      Array.from({ length: 40 }, (_, at) => pushBlob(ask, 'a', `blob ${at}!`)),
    );
    const { socket, read } = await dial(test, port);
    socket.write(digests.map((digest) => head([`GET /v2/a/blobs/${digest} HTTP/1.1`])).join(''));
    const text = await read(/blob 39!$/);
    assert.deepEqual(
      Array.from(text.matchAll(/blob (\d+)!/g), (match) => Number(match[1])),
      digests.map((_, at) => at),
    );
    assert.deepEqual([seen.most, seen.all], [1, 40]);
  });

  it('pipelined-flood: a connection that sends thousands of requests ahead is ended, and few of them are handled', async (test) => {
    const { port, ask, seen } = await served(test);
    const digest = await pushBlob(ask, 'a', 'x'.repeat(1024 * 1024));
    const { socket, read } = await dial(test, port);
    socket.write(head([`GET /v2/a/blobs/${digest} HTTP/1.1`]).repeat(5_000));
    assert.ok(answersIn(await read()) < 65);
    assert.ok(seen.all < 65 && seen.most === 1, `${seen.all} heard, ${seen.most} at once`);
  });

  it('pipelined-flood: a connection that ends while its requests wait leaves none of them behind', async (test) => {
    const all = new Gate();
    let ended = 0;
    const observer = { ended: () => ++ended === 20 && all.open() };
    const { port, ask } = await served(test, { observer });
    const digest = await pushBlob(ask, 'a', 'x'.repeat(16 * 1024 * 1024));
    const { socket } = await dial(test, port);
    socket.pause();
    socket.write(head([`GET /v2/a/blobs/${digest} HTTP/1.1`]).repeat(20));
    socket.destroy();
    await all.opened;
  });
});

const other = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

it('one-address-all-connections: another machine gets no more connections than are left for others', {
  skip: other === undefined && 'this machine has no address but loopback',
}, async (test) => {
  const { port } = await served(test, { host: '0.0.0.0', anonymous: true, connections: 8 });
  const answered = async (host: string): Promise<boolean> => {
    const socket: Socket = connect(port, host);
    atEnd(test, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.write(head(['GET /v2/ HTTP/1.1']));
    return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)]);
  };
  const theirs: boolean[] = [];
  for (let at = 0; at < 8; at++) theirs.push(await answered(other ?? ''));
  assert.deepEqual(theirs, [true, true, true, true, false, false, false, false]);
  assert.equal(await answered('127.0.0.1'), true);
});

it('forged-log-line: text from a client begins no line of the log, and moves no terminal', async (test) => {
  const lines: string[] = [];
  const observer = { ended: (exchange: Exchange) => void lines.push(formatExchange(exchange)) };
  const { port, seen } = await served(test, { observer });
  const odd = '\u009b31m\u0085\u00ad{"status":200}';
  const requests = [
    [`GET /v2/${odd} HTTP/1.1`],
    [`GET /v2/a%0a%0dforged/tags/list HTTP/1.1`],
    ['GET /v2/a/tags/list?last=%1b[2J%0aforged HTTP/1.1'],
    ['GET /v2/ HTTP/1.1', `User-Agent: ${odd}`],
    ['GET /v2/ HTTP/1.1', `User-Agent: a\tb`],
    ['GET /v2/ HTTP/1.1', `User-Agent: ${'x'.repeat(10_000)}`],
  ];
  for (const request of requests) {
    const { socket, read } = await dial(test, port);
    socket.write(head([...request, 'Connection: close']), 'latin1');
    const answer = await read();
    assert.doesNotMatch(answer.slice(answer.indexOf('\r\n\r\n') + 4), controls);
  }
  // Node itself refuses some.
  while (lines.length < seen.all) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(lines.length >= 5, String(lines.length));
  for (const line of lines) {
    assert.doesNotMatch(line, controls);
    assert.ok(line.length < 5_000);
    const parsed: unknown = JSON.parse(line);
    assert.ok(typeof parsed === 'object' && parsed !== null && 'method' in parsed);
  }
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to keep out.
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
