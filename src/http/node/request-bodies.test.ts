import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { collect } from '../../flow/collect.ts';
import { bytesContent, type Content, emptyContent, streamContent } from '../../flow/content.ts';
import { type RequestSeen, readRequests } from './request-reader.test.support.ts';
import { get, hasClosed, pattern, type RawServer, serveRaw, transport, turns } from './stage.test.support.ts';

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** A server that answers each complete request. */
async function serve(test: TestContext): Promise<RawServer & { readonly seen: RequestSeen[] }> {
  const seen: RequestSeen[] = [];
  const server = await serveRaw(test, (socket) => {
    readRequests(socket, (request) => {
      seen.push(request);
      socket.write(ok);
    });
  });
  return { ...server, seen };
}

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

const put = (url: string, body: Content): ReturnType<typeof get> =>
  get(url, { method: 'PUT', replay: 'never', body });

/** Content that fails after its chunks. */
const failing = (error: Error, ...parts: readonly Uint8Array[]): Content =>
  streamContent(
    (async function* () {
      yield* parts;
      throw error;
    })(),
    { size: 100_000 },
  );

describe('the body of a request', () => {
  const one = pattern(70_000);
  for (const [name, body, sent] of [
    ['empty bytes', () => emptyContent, Buffer.alloc(0)],
    ['an empty source of unknown size', () => streamContent(chunks()), Buffer.alloc(0)],
    ['an empty source of size 0', () => streamContent(chunks(), { size: 0 }), Buffer.alloc(0)],
    ['empty chunks only', () => streamContent(chunks(Buffer.alloc(0), Buffer.alloc(0))), Buffer.alloc(0)],
    ['empty chunks between others', () => streamContent(chunks(Buffer.alloc(0), one, Buffer.alloc(0))), one],
    [
      'chunks of every size',
      () =>
        streamContent(chunks(one.subarray(0, 1), one.subarray(1, 17), one.subarray(17)), { size: 70_000 }),
      one,
    ],
  ] as const) {
    it(`a server receives ${name} as they are, and the connection is kept`, async (test) => {
      const server = await serve(test);
      const line = transport(test);
      for (let round = 0; round < 2; round++) {
        const { status, body: answer } = await line.send(put(server.url, body()));
        await collect(answer, { limit: 100, what: 'test body' });
        assert.equal(status, 200);
      }
      assert.deepEqual(
        server.seen.map((request) => Buffer.from(request.body).equals(sent)),
        [true, true],
      );
      assert.equal(server.sockets.length, 1);
    });
  }

  it('a source that fails before its first chunk sends no byte of the request', async (test) => {
    const server = await serve(test);
    const mine = new Error('the file is gone');
    await assert.rejects(transport(test).send(put(server.url, failing(mine))), (error) => error === mine);
    const [socket] = server.sockets;
    assert.ok(socket);
    await hasClosed(socket);
    assert.equal(socket.bytesRead, 0);
  });

  it('a source that cannot be opened fails its request, and the next request gets an answer', async (test) => {
    const server = await serve(test);
    const mine = new Error('no permission');
    const line = transport(test);
    const body: Content = {
      replayable: true,
      size: 1,
      open() {
        throw mine;
      },
    };
    await assert.rejects(line.send(put(server.url, body)), (error) => error === mine);
    assert.equal((await line.send(get(server.url))).status, 200);
  });

  it('a source that fails in its middle closes the connection, so that no server takes the part for the whole', async (test) => {
    const server = await serve(test);
    const mine = new Error('the disk failed');
    const line = transport(test);
    await assert.rejects(line.send(put(server.url, failing(mine, one))), (error) => error === mine);
    const [socket] = server.sockets;
    assert.ok(socket);
    await hasClosed(socket);
    assert.deepEqual(server.seen, []);
    assert.equal((await line.send(get(server.url))).status, 200);
    assert.equal(server.sockets.length, 2);
  });

  it('a chunked source that fails sends no last chunk', async (test) => {
    const heard: Buffer[] = [];
    const server = await serveRaw(test, (socket) => socket.on('data', (data) => heard.push(data)));
    const mine = new Error('the pipe broke');
    const { size: _, ...body } = failing(mine, Buffer.from('part'));
    await assert.rejects(transport(test).send(put(server.url, body)), (error) => error === mine);
    const [socket] = server.sockets;
    assert.ok(socket);
    await hasClosed(socket);
    assert.match(Buffer.concat(heard).toString(), /\r\n\r\n4\r\npart\r\n$/);
  });

  it('a body that is too long sends nothing beyond its announced size', async (test) => {
    let heard = '';
    const server = await serveRaw(test, (socket) => {
      socket.on('data', (data) => {
        heard += data.toString('latin1');
      });
    });
    const body = streamContent(chunks(Buffer.from('1234'), Buffer.from('5678')), { size: 6 });
    await assert.rejects(transport(test).send(put(server.url, body)), {
      code: 'SIZE_INVALID',
      expected: 6,
      actual: 8,
    });
    const [socket] = server.sockets;
    assert.ok(socket);
    await hasClosed(socket);
    assert.match(heard, /Content-Length: 6\r\n(?:.*\r\n)*\r\n1234$/);
  });

  it('the length of a given header counts, not the size of the body', async (test) => {
    const server = await serve(test);
    const request = { ...put(server.url, bytesContent(one)), headers: { 'content-length': ['3'] } };
    await assert.rejects(transport(test).send(request), { code: 'SIZE_INVALID', expected: 3 });
  });
});

describe('an answer and the body of its request', () => {
  it('an answer before the first chunk stops a source that has none yet', async (test) => {
    const server = await serveRaw(test, (socket) => socket.resume());
    let stopped = false;
    const begun: (() => void)[] = [];
    const body: Content = {
      replayable: false,
      async *open({ signal } = {}) {
        yield Buffer.from('x');
        begun.push(() => server.sockets[0]?.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
        begun[0]?.();
        await new Promise<void>((go) => signal?.addEventListener('abort', () => go()));
        stopped = true;
      },
    };
    const line = transport(test);
    assert.equal((await line.send(put(server.url, body))).status, 403);
    await turns(2);
    assert.equal(stopped, true);
    const [socket] = server.sockets;
    assert.ok(socket);
    await hasClosed(socket);
  });

  it('an answer to the last byte keeps the connection although the source has not ended', async (test) => {
    const server = await serve(test);
    const line = transport(test);
    const source = (async function* () {
      yield Buffer.from('all');
      await new Promise(() => undefined);
    })();
    const body = streamContent(source, { size: 3 });
    assert.equal((await line.send(put(server.url, body))).status, 200);
    assert.equal((await line.send(get(server.url))).status, 200);
    assert.equal(server.sockets.length, 1);
  });

  it('an error of the source after the answer reaches nobody', async (test) => {
    const server = await serve(test);
    const line = transport(test);
    const body: Content = {
      replayable: false,
      size: 3,
      async *open({ signal } = {}) {
        yield Buffer.from('all');
        await new Promise<void>((go) => signal?.addEventListener('abort', () => go()));
        throw new Error('the source was told to stop');
      },
    };
    const answer = await line.send(put(server.url, body));
    await turns(5);
    assert.equal(Buffer.from(await collect(answer.body, { limit: 9, what: 'test body' })).toString(), 'ok');
  });

  it('a server that takes no more of a body pauses its source', async (test) => {
    const server = await serveRaw(test, (socket) => socket.pause());
    let yielded = 0;
    const chunk = new Uint8Array(1024 * 1024);
    const endless = (async function* () {
      for (;;) {
        yielded++;
        yield chunk;
      }
    })();
    const abort = new AbortController();
    const answer = transport(test).send({ ...put(server.url, streamContent(endless)), signal: abort.signal });
    const rejected = assert.rejects(answer, (error) => error === abort.signal.reason);
    for (let before = -1; yielded > before; ) {
      before = yielded;
      await turns(300);
    }
    assert.ok(yielded > 0 && yielded < 64, `${yielded} MiB`);
    abort.abort();
    await rejected;
  });
});
