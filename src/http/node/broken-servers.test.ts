import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { collect } from '../../flow/collect.ts';
import { streamContent } from '../../flow/content.ts';
import type { Transport } from '../transport.ts';
import { get, hasClosed, pattern, readsSlowly, serveRaw, transport, turns } from './stage.test.support.ts';

/** Servers that end, reset or talk at the wrong time. */

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

async function ask({ send }: Transport, url: string): Promise<string> {
  const { body } = await send(get(url));
  return Buffer.from(await collect(body, { limit: 1 << 20, what: 'test body' })).toString();
}

/** Writes an answer and then a forged one, in one piece or with a pause between them. */
async function writeAll(
  socket: Socket,
  parts: readonly (string | Uint8Array)[],
  isTogether: boolean,
): Promise<void> {
  if (isTogether) socket.cork();
  for (const part of parts) socket.write(part);
  if (!isTogether) await turns(20);
  socket.write('HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n');
  if (isTogether) socket.uncork();
}

const protocols = [
  ['plain HTTP', undefined],
  ['TLS', {}],
] as const;

for (const [over, secure] of protocols) {
  describe(`a server that ends a connection over ${over}`, () => {
    const endings: Readonly<Record<string, (socket: Socket) => void>> = {
      'half-closes': (socket) => socket.end(),
      // A socket of TLS cannot reset its connection.
      resets: (socket) => (secure === undefined ? socket.resetAndDestroy() : socket.destroy()),
    };
    const stages: Readonly<Record<string, string>> = {
      'before the answer': '',
      'within the status line': 'HTTP/1.',
      'within the headers': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n',
      'after an interim answer': 'HTTP/1.1 102 Processing\r\n\r\n',
      'within the body': 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart',
      'within a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\npart',
      'after the size of a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9',
      'before the last chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
      'within the trailer': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\nA: b\r\n',
    };
    for (const [how, end] of Object.entries(endings)) {
      for (const [when, sent] of Object.entries(stages)) {
        it(`a server that ${how} ${when} over ${over} causes CUT_OFF, and the next request succeeds`, async (test) => {
          const server = await serveRaw(
            test,
            (socket, connection) =>
              socket.once('data', () => {
                if (connection > 0) socket.write(ok);
                else if (sent === '') end(socket);
                else socket.write(sent, () => end(socket));
              }),
            secure,
          );
          const line = transport(test);
          await assert.rejects(ask(line, server.url), { code: 'CUT_OFF' });
          assert.equal(await ask(line, server.url), 'ok');
          assert.equal(server.sockets.length, 2);
        });
      }

      it(`a server that ${how} while a body is sent over ${over} causes CUT_OFF and stops the source`, async (test) => {
        const server = await serveRaw(test, (socket) => socket.once('data', () => end(socket)), secure);
        let stop: (() => void) | undefined;
        const stopped = new Promise<void>((resolve) => {
          stop = resolve;
        });
        const source = (async function* () {
          try {
            for (;;) yield new Uint8Array(65_536);
          } finally {
            stop?.();
          }
        })();
        const request = get(server.url, { method: 'PUT', replay: 'never', body: streamContent(source) });
        await assert.rejects(transport(test).send(request), { code: 'CUT_OFF' });
        await stopped;
      });
    }

    it(`a body up to the end of the connection is whole over ${over}`, async (test) => {
      const bytes = pattern(200_000);
      const server = await serveRaw(
        test,
        (socket) =>
          socket.once('data', () => {
            socket.write('HTTP/1.1 200 OK\r\n\r\n');
            socket.end(bytes);
          }),
        secure,
      );
      const { body } = await transport(test).send(get(server.url));
      await readsSlowly(body, bytes, () => turns(10));
    });
  });

  describe(`a server that sends bytes after an answer over ${over}`, () => {
    const long = pattern(40_000);
    const answers: Readonly<Record<string, readonly (string | Uint8Array)[]>> = {
      'a short body': [ok],
      'a long body': [`HTTP/1.1 200 OK\r\nContent-Length: ${long.byteLength}\r\n\r\n`, long],
      chunks: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'],
      'no body': ['HTTP/1.1 204 No Content\r\n\r\n'],
    };
    for (const [name, parts] of Object.entries(answers)) {
      for (const isTogether of [true, false]) {
        const how = isTogether ? 'together with' : 'after';
        it(`bytes that come ${how} ${name} over ${over} belong to no request`, async (test) => {
          const server = await serveRaw(
            test,
            (socket, connection) =>
              socket.once(
                'data',
                () => void (connection === 0 ? writeAll(socket, parts, isTogether) : socket.write(ok)),
              ),
            secure,
          );
          const line = transport(test);
          const { body } = await line.send(get(server.url));
          let length = 0;
          for await (const chunk of body) {
            length += chunk.byteLength;
            await turns(2);
          }
          assert.equal(length, name === 'a long body' ? long.byteLength : name === 'no body' ? 0 : 2);
          const [first] = server.sockets;
          assert.ok(first);
          await hasClosed(first);
          const next = await line.send(get(server.url));
          assert.equal(next.status, 200);
          assert.equal(server.sockets.length, 2);
        });
      }
    }
  });
}

/** Serves the same answer to each request of one connection. */
const always = (test: TestContext, answer: string): ReturnType<typeof serveRaw> =>
  serveRaw(test, (socket) => {
    socket.on('data', () => socket.write(answer));
  });

describe('answers at the limits of HTTP/1.1', () => {
  for (const [name, answer, code] of [
    ['a head without an end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`, 'NO_CONNECTION'],
    ['an unknown version', 'HTTP/2.0 200 OK\r\n\r\n', 'NO_CONNECTION'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'NO_CONNECTION'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', 'NO_CONNECTION'],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', 'NO_CONNECTION'],
    [
      'a chunk with a size in words',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'CUT_OFF',
    ],
    [
      'a size of a chunk that no number holds',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n',
      'CUT_OFF',
    ],
    [
      'an endless line between chunks',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(10_000)}`,
      'CUT_OFF',
    ],
    [
      'an endless trailer',
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${`A: ${'b'.repeat(1000)}\r\n`.repeat(100)}`,
      'CUT_OFF',
    ],
  ] as const) {
    it(`an answer with ${name} is ${code} and closes its connection`, async (test) => {
      const server = await always(test, answer);
      await assert.rejects(ask(transport(test), server.url), { code });
      const [socket] = server.sockets;
      assert.ok(socket);
      await hasClosed(socket.resume());
    });
  }
});

it('a body up to the end of a connection that is reset is CUT_OFF', async (test) => {
  const server = await serveRaw(test, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\npart')),
  );
  const { body } = await transport(test).send(get(server.url));
  const iterator = body[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await iterator.next()).value ?? '').toString(), 'part');
  server.sockets[0]?.resetAndDestroy();
  await assert.rejects(iterator.next(), { code: 'CUT_OFF' });
});
