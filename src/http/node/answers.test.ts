import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { collect } from '../../flow/collect.ts';
import { createNodeTransport } from './transport.ts';

/** Answers written by hand, byte for byte. */

interface Server {
  /** Sends a GET and returns the body. */
  ask(): Promise<string>;
  /** The number of connections so far. */
  connections(): number;
}

/** Serves the answers in order, one for each request, in pieces of `size` bytes. */
async function serve(test: TestContext, answers: readonly string[], size = Infinity): Promise<Server> {
  let connections = 0;
  let at = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    connections++;
    socket.on('error', () => undefined);
    socket.on('data', async () => {
      const [answer = '', end] = (answers[at++] ?? '').split('<end>');
      for (let from = 0; from < answer.length; from += size) {
        socket.write(Buffer.from(answer.slice(from, Math.min(from + size, answer.length)), 'latin1'));
        if (size !== Infinity) await new Promise(setImmediate);
      }
      if (end !== undefined) socket.end();
    });
  });
  const url = `http://127.0.0.1:${await listening(test, server)}/`;
  const transport = createNodeTransport();
  atEnd(test, () => transport.close());
  return {
    connections: () => connections,
    async ask() {
      const { body } = await transport.send({ method: 'GET', url, headers: {}, replay: 'safe' });
      return Buffer.from(await collect(body, { limit: 1 << 20, what: 'test body' })).toString('latin1');
    },
  };
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

describe('bodies of answers', () => {
  const chunks =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n';
  const long = `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(100_000)}`;
  for (const [name, answer, body, reused] of [
    ['with a length', ok, 'ok', true],
    ['of 100,000 bytes', long, 'x'.repeat(100_000), true],
    ['in chunks', chunks, 'abcde', true],
    ['without a length, up to the end of the connection', 'HTTP/1.1 200 OK\r\n\r\nall<end>', 'all', false],
    ['with Connection: close', ok.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), 'ok', false],
    ['of HTTP/1.0', ok.replace('1.1', '1.0'), 'ok', false],
    [
      'of HTTP/1.0 that is kept',
      ok.replace('1.1 200 OK', '1.0 200 OK\r\nConnection: keep-alive'),
      'ok',
      true,
    ],
    [
      'whose server keeps connections for a second',
      ok.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1\r\n\r\n'),
      'ok',
      false,
    ],
    ['with bytes behind their end', `${ok}HTTP/1.1 200 OK\r\n\r\n`, 'ok', false],
    ['in chunks, with bytes behind their end', `${chunks}x`, 'abcde', false],
  ] as const) {
    for (const size of [1, 7, Infinity]) {
      if (size !== Infinity && answer.length > 1000) continue;
      it(`a body ${name} is read in pieces of ${size}, and its connection is ${reused ? 'kept' : 'closed'}`, async (test) => {
        const server = await serve(test, [answer, ok], size);
        assert.equal(await server.ask(), body);
        assert.equal(await server.ask(), 'ok');
        assert.equal(server.connections(), reused ? 1 : 2);
      });
    }
  }
});

it('a body is read whole although its connection has brought other answers before it is read', async (test) => {
  const texts = ['first', 'other'];
  const server = net.createServer((socket) => {
    socket.on('data', () =>
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${texts.shift() ?? ''}`),
    );
  });
  const url = `http://127.0.0.1:${await listening(test, server)}/`;
  const transport = createNodeTransport();
  atEnd(test, () => transport.close());
  const request = { method: 'GET', url, headers: {}, replay: 'safe' } as const;
  const { body } = await transport.send(request);
  const other = await transport.send(request);
  for (const [text, read] of [
    ['first', body],
    ['other', other.body],
  ] as const) {
    const bytes = await collect(read, { limit: 100, what: 'test body' });
    assert.equal(Buffer.from(bytes).toString(), text);
  }
});

describe('answers that two readers could read in two ways', () => {
  for (const [name, answer] of [
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
    ['a continued header line', 'HTTP/1.1 200 OK\r\nX: 1\r\n Content-Length: 2\r\n\r\nok'],
    ['bare line feeds', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n'],
    ['a blank before a colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok'],
    ['compressed chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ] as const) {
    it(`an answer with ${name} is NO_CONNECTION, and its connection serves no other request`, async (test) => {
      const server = await serve(test, [answer, ok]);
      await assert.rejects(server.ask(), { code: 'NO_CONNECTION', message: /does not speak HTTP/ });
      assert.equal(await server.ask(), 'ok');
      assert.equal(server.connections(), 2);
    });
  }

  it('a malformed chunk is CUT_OFF, and its connection serves no other request', async (test) => {
    const server = await serve(test, [
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
      ok,
    ]);
    await assert.rejects(server.ask(), { code: 'CUT_OFF', message: /malformed body/ });
    assert.equal(await server.ask(), 'ok');
    assert.equal(server.connections(), 2);
  });
});
