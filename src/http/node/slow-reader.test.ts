import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { collect } from '../../flow/collect.ts';
import { streamContent } from '../../flow/content.ts';
import { get, pattern, readsSlowly, serveRaw, transport, turns } from './stage.test.support.ts';

/** A reader that does other work between two chunks. */

const size = 4 * 1024 * 1024;
const bytes = pattern(size);
const pause = (): Promise<void> => turns(4);

const framings: Readonly<Record<string, (socket: Socket) => void>> = {
  'a length': (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    socket.write(bytes);
  },
  chunks: (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let at = 0, step = 1; at < size; at += step, step = (step * 7 + 1) % 100_003) {
      const chunk = bytes.subarray(at, at + step);
      socket.cork();
      socket.write(`${chunk.byteLength.toString(16)}\r\n`);
      socket.write(chunk);
      socket.write('\r\n');
      socket.uncork();
    }
    socket.write('0\r\n\r\n');
  },
  'the end of the connection': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.end(bytes);
  },
};

describe('a reader that pauses between chunks', () => {
  for (const [framing, answer] of Object.entries(framings)) {
    it(`a slow reader gets the body that ends with ${framing} byte for byte`, async (test) => {
      const server = await serveRaw(test, (socket) => socket.on('data', () => answer(socket)));
      const line = transport(test);
      for (let round = 0; round < 2; round++) {
        const { body } = await line.send(get(server.url));
        await readsSlowly(body, bytes, pause);
      }
    });

    it(`tls-records: a slow reader gets the body that ends with ${framing} byte for byte over TLS`, async (test) => {
      const server = await serveRaw(test, (socket) => socket.on('data', () => answer(socket)), {});
      const line = transport(test);
      for (let round = 0; round < 2; round++) {
        const { body } = await line.send(get(server.url));
        await readsSlowly(body, bytes, pause);
      }
    });
  }

  for (const secure of [undefined, {}]) {
    const over = secure === undefined ? 'plain HTTP' : 'TLS';

    it(`a reader that does not read stops the server over ${over}`, async (test) => {
      const mebibyte = pattern(1024 * 1024);
      const server = await serveRaw(
        test,
        (socket) => {
          socket.on('data', () => {
            socket.write('HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n');
            for (let at = 0; at < 64; at++) socket.write(mebibyte);
          });
        },
        secure,
      );
      const { body } = await transport(test).send(get(server.url));
      const unsent = (): number => server.sockets[0]?.writableLength ?? 0;
      for (let before = Infinity; unsent() < before; ) {
        before = unsent();
        await turns(200);
      }
      assert.ok(unsent() > 32 * 1024 * 1024, `only ${unsent()} bytes wait at the server`);
      await body[Symbol.asyncIterator]().return?.();
    });

    it(`bytes that arrive before the server ends its side are read after it, over ${over}`, async (test) => {
      const long = bytes.subarray(0, 60_000);
      const server = await serveRaw(
        test,
        (socket) => {
          socket.on('data', () => {
            socket.cork();
            socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${long.byteLength}\r\n\r\n`);
            socket.write(long);
            socket.end();
            socket.uncork();
          });
        },
        secure,
      );
      const { body } = await transport(test).send(get(server.url));
      await turns(50);
      await readsSlowly(body, long, () => turns(20));
    });
  }

  it('reset-after-answer: an early answer in chunks is read whole although the server resets the connection after it', async (test) => {
    const server = await serveRaw(test, (socket) => {
      socket.once('data', () => {
        socket.pause();
        socket.write(
          'HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n',
        );
      });
    });
    const endless = (async function* () {
      for (;;) yield new Uint8Array(1024 * 1024);
    })();
    const { status, body } = await transport(test).send(
      get(server.url, { method: 'PUT', replay: 'never', body: streamContent(endless) }),
    );
    const [socket] = server.sockets;
    socket?.resetAndDestroy();
    await turns(50);
    assert.equal(status, 413);
    const text = Buffer.from(await collect(body, { limit: 100, what: 'test body' })).toString();
    assert.equal(text, 'too much');
  });
});
