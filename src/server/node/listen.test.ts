import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { isGantryError } from '../../errors.ts';
import { collect, drain } from '../../flow/collect.ts';
import { createMemoryRegistry } from '../../memory/registry.ts';
import type { HttpRequest, HttpResponse, Send } from '../../wire/message.ts';
import { answer } from '../../wire/reply.ts';
import { createApp } from '../app.ts';
import { endless, Gate, streamOf } from '../ask.test.support.ts';
import { dial, head } from './dial.test.support.ts';
import { type Listener, type ListenOptions, listen } from './listen.ts';

async function serve(test: TestContext, handler: Send, options?: ListenOptions): Promise<Listener> {
  const listener = await listen(handler, options);
  atEnd(test, () => listener.close({ grace: 0 }));
  return listener;
}

async function session({ url }: Listener): Promise<string> {
  const start = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
  return start.headers.get('location') ?? '';
}

const ok: Send = async () => answer(200);

const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
const noIpv6 = addresses.includes('::1') ? false : 'this machine has no IPv6';

describe('listening', () => {
  it('listen takes a free port of this machine only', async (test) => {
    const { url, host, port } = await serve(test, ok);
    assert.equal(host, '127.0.0.1');
    assert.ok(port > 0);
    assert.equal(url, `http://127.0.0.1:${port}`);
  });

  it('listen names an address that is in use', async (test) => {
    const { port } = await serve(test, ok);
    await assert.rejects(listen(ok, { port }), { code: 'IN_USE', path: `127.0.0.1:${port}` });
  });

  it('listen names a host that is not this machine', async () => {
    await assert.rejects(listen(ok, { host: '192.0.2.1', anonymous: true }), { code: 'INVALID_OPTION' });
  });

  it('listen writes an address of IPv6 in the form of URLs', { skip: noIpv6 }, async (test) => {
    const { url, port } = await serve(test, ok, { host: '::1' });
    assert.equal(url, `http://[::1]:${port}`);
  });
});

describe('an exchange', () => {
  it('a handler gets the raw target, method and header lines', async (test) => {
    const seen: HttpRequest[] = [];
    const { port } = await serve(test, async (request) => {
      seen.push(request);
      return answer(200, { 'x-two': ['1', '2'] });
    });
    const { socket, read } = await dial(test, port);
    socket.write(head(['DELETE /v2/a/../%2e%2e//b?x=%20 HTTP/1.1', 'X-A: 1', 'X-A: 2']));
    const text = await read(/\r\n\r\n/);
    assert.match(text, /^HTTP\/1.1 200 /);
    assert.match(text, /x-two: 1\r\nx-two: 2\r\n/i);
    assert.equal(seen[0]?.url, '/v2/a/../%2e%2e//b?x=%20');
    assert.equal(seen[0]?.method, 'DELETE');
    assert.deepEqual(seen[0]?.headers['x-a'], ['1', '2']);
    assert.equal(seen[0]?.body, undefined);
  });

  it('a path never climbs', async (test) => {
    const { port } = await serve(test, createApp(createMemoryRegistry()));
    const { socket, read } = await dial(test, port);
    for (const path of ['/v2/a/../../etc/passwd/tags/list', '/v2/%2e%2e/tags/list', '/v2/a\\b/tags/list']) {
      socket.write(head([`GET ${path} HTTP/1.1`]));
      assert.match(await read(/\}\]\}$/), /^HTTP\/1.1 400 .*NAME_INVALID/s);
    }
  });

  it('headers may be longer than Node permits by default', async (test) => {
    const { port } = await serve(test, ok);
    const { socket, read } = await dial(test, port);
    socket.write(head(['GET / HTTP/1.1', `Authorization: Bearer ${'x'.repeat(100_000)}`]));
    assert.match(await read(/\r\n\r\n/), /^HTTP\/1.1 200 /);
  });

  it('a server streams both ways at once, and a source may use one buffer for all its chunks', async (test) => {
    const { url } = await serve(test, async (request) => {
      const body = async function* (): AsyncIterable<Uint8Array> {
        const buffer = new Uint8Array(100_000);
        for await (const chunk of request.body?.open() ?? []) {
          buffer.set(chunk);
          yield buffer.subarray(0, chunk.byteLength);
          buffer.fill(0);
        }
      };
      return answer(200, {}, body());
    });
    const sent = Buffer.alloc(5_000_000, 'abcdefg');
    const response = await fetch(url, { method: 'PUT', body: sent });
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(sent));
  });

  it('a response that breaks off cuts the connection, so that no client takes a part for the whole', async (test) => {
    const { url } = await serve(test, async () => {
      const part = streamOf(['0123456789'], new Error('broken'));
      return answer(200, { 'content-length': ['20'] }, part.open());
    });
    const response = await fetch(url);
    await assert.rejects(response.arrayBuffer());
  });

  it('a request without a response is cut off', async (test) => {
    const { url } = await serve(test, async () => {
      throw new Error('nothing to say');
    });
    await assert.rejects(fetch(url));
  });

  it('a handler ends when the client goes', async (test) => {
    const asked = new Gate();
    const aborted = new Gate();
    const returned = new Gate();
    const { port } = await serve(test, async ({ signal }): Promise<HttpResponse> => {
      signal?.addEventListener('abort', aborted.open);
      asked.open();
      return answer(200, {}, endless(65_536, returned.open));
    });
    const { socket } = await dial(test, port);
    socket.write(head(['GET / HTTP/1.1']));
    await asked.opened;
    socket.destroy();
    await Promise.all([aborted.opened, returned.opened]);
  });
});

describe('the body of a request', () => {
  it('a body is refused before it has arrived, and the response arrives', async (test) => {
    const { port } = await serve(test, createApp(createMemoryRegistry()));
    const { socket, read } = await dial(test, port);
    socket.write(head(['PATCH /v2/a/blobs/uploads/YQ HTTP/1.1', 'Content-Length: 1000000000']));
    socket.write(Buffer.alloc(200_000));
    const text = await read(/\}\]\}$/);
    assert.match(text, /^HTTP\/1.1 404 .*BLOB_UPLOAD_UNKNOWN/s);
    assert.match(text, /connection: close/i);
    socket.write(Buffer.alloc(200_000));
    socket.end();
    await read();
  });

  it('a server does not ask for a body that the handler does not read', async (test) => {
    const { port } = await serve(test, createApp(createMemoryRegistry()));
    const { socket, read } = await dial(test, port);
    socket.write(
      head(['PATCH /v2/a/blobs/uploads/YQ HTTP/1.1', 'Content-Length: 5', 'Expect: 100-continue']),
    );
    assert.match(await read(/\}\]\}$/), /^HTTP\/1.1 404 /);
  });

  it('a server asks for a body that the handler reads', async (test) => {
    const listener = await serve(test, createApp(createMemoryRegistry()));
    const location = await session(listener);
    const { socket, read } = await dial(test, listener.port);
    socket.write(head([`PATCH ${location} HTTP/1.1`, 'Content-Length: 5', 'Expect: 100-continue']));
    assert.match(await read(/\r\n\r\n/), /^HTTP\/1.1 100 /);
    socket.write('hello');
    assert.match(await read(/\r\n\r\n/), /^HTTP\/1.1 202 /);
  });

  it('a small unread body does not end the connection', async (test) => {
    const { port } = await serve(test, ok);
    const { socket, read } = await dial(test, port);
    for (let turn = 0; turn < 2; turn++) {
      socket.write(head(['PUT / HTTP/1.1', 'Content-Length: 5']));
      const text = await read(/\r\n\r\n/);
      assert.match(text, /^HTTP\/1.1 200 /);
      assert.doesNotMatch(text, /connection: close/i);
      socket.write('hello');
    }
  });

  it('a cut body leaves the bytes that arrived', async (test) => {
    const listener = await serve(test, createApp(createMemoryRegistry()));
    const location = await session(listener);
    const { socket } = await dial(test, listener.port);
    socket.write(head([`PATCH ${location} HTTP/1.1`, 'Content-Length: 1000']));
    socket.end('hello');
    await once(socket, 'close');
    const status = await fetch(listener.url + location);
    assert.equal(status.headers.get('range'), '0-4');
  });

  it('a connection ends when no bytes arrive any more', async (test) => {
    const failed = new Gate();
    let failure: unknown;
    const reading: Send = async ({ body }) => {
      try {
        if (body !== undefined) await drain(body.open());
      } catch (error) {
        failure = error;
        failed.open();
      }
      return answer(200);
    };
    const { port } = await serve(test, reading, { requestIdle: 20 });
    const { socket, read } = await dial(test, port);
    socket.write(head(['PUT / HTTP/1.1', 'Content-Length: 5']));
    await failed.opened;
    assert.equal(await read(), '');
    assert.ok(isGantryError(failure, 'STALLED'));
  });

  it('a connection ends when the client reads nothing any more', async (test) => {
    const returned = new Gate();
    const { port } = await serve(test, async () => answer(200, {}, endless(1_000_000, returned.open)), {
      answerIdle: 50,
    });
    const { socket } = await dial(test, port);
    socket.pause();
    socket.write(head(['GET / HTTP/1.1']));
    await returned.opened;
  });
});

describe('requests behind one another', () => {
  it('end with their connection, and one whose turn has not come is never begun', async (test) => {
    const begun: string[] = [];
    const first = new Gate();
    const over = new Gate();
    const handler: Send = async ({ url, signal }) => {
      begun.push(url);
      first.open();
      return await new Promise((_, reject) => signal?.addEventListener('abort', reject));
    };
    const listener = await serve(test, handler, { observer: { ended: () => over.open() } });
    const { socket } = await dial(test, listener.port);
    socket.write(head(['GET /1 HTTP/1.1']) + head(['GET /2 HTTP/1.1']));
    await first.opened;
    socket.destroy();
    await over.opened;
    await listener.close();
    assert.deepEqual(begun, ['/1']);
  });
});

describe('closing', () => {
  it('closing waits for open requests, and ends idle connections', async (test) => {
    const asked = new Gate();
    const go = new Gate();
    const listener = await serve(test, async () => {
      asked.open();
      await go.opened;
      return answer(200);
    });
    const idle = await dial(test, listener.port);
    const busy = await dial(test, listener.port);
    busy.socket.write(head(['GET / HTTP/1.1']));
    await asked.opened;
    const closed = listener.close();
    await idle.read();
    go.open();
    assert.match(await busy.read(), /^HTTP\/1.1 200 /);
    await closed;
    await assert.rejects(fetch(listener.url));
  });

  it('closing cuts open requests after the grace period', async (test) => {
    const asked = new Gate();
    const listener = await serve(test, () => {
      asked.open();
      return new Promise(() => undefined);
    });
    const { socket, read } = await dial(test, listener.port);
    socket.write(head(['GET / HTTP/1.1']));
    await asked.opened;
    await listener.close({ grace: 0 });
    assert.equal(await read(), '');
  });

  it('closing happens once, for any number of calls', async () => {
    const listener = await listen(ok);
    await Promise.all([listener.close(), listener.close()]);
    await listener[Symbol.asyncDispose]();
  });

  it('closing does not wait for clients that keep their connections', async (test) => {
    const listener = await serve(test, ok);
    const agent = new Agent({ keepAlive: true });
    atEnd(test, () => agent.destroy());
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(listener.url, { agent }, resolve).on('error', reject).end();
    });
    await collect(response, { limit: 10, what: 'answer' });
    await listener.close();
  });
});
