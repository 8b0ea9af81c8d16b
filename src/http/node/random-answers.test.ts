import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { it, type TestContext } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { startProxy } from '../../../test/proxy/connect-proxy.ts';
import { secret } from '../../../test/secret.ts';
import { type Content, streamContent } from '../../flow/content.ts';
import type { HttpRequest } from '../../wire/message.ts';
import { type RequestSeen, readRequests } from './request-reader.test.support.ts';
import { get, pattern, serveRaw, type TestTransport, transport, turns } from './stage.test.support.ts';

/** Valid answers of every kind in random pieces. Each body must be the one that was sent for its request. */

const seed = Number(process.env['GANTRY_FUZZ_SEED'] ?? 20260101);
const requests = 400;
const readers = 8;

type Random = (below: number) => number;

function createRandom(from: number): Random {
  let state = from >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A length up to a mebibyte, mostly a short one. */
const anyLength = (random: Random): number => random(2 ** random(21));

/** Returns an answer as it goes over the connection, and whether the connection ends with it. */
function answerTo(
  { method, body }: RequestSeen,
  n: number,
): { readonly bytes: Buffer; readonly ends: boolean } {
  const random = createRandom(seed + n);
  const content = contentOf(n);
  const parts: Uint8Array[] = [];
  const say = (text: string): void => void parts.push(Buffer.from(text, 'latin1'));
  for (let interim = random(6) - 3; interim > 0; interim--) {
    say(
      random(2) === 0 ? 'HTTP/1.1 102 Processing\r\n\r\n' : 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n',
    );
  }
  const common = `X-Number: ${n}\r\nX-Hash: ${hashOf(body)}\r\n`;
  const kind = method === 'HEAD' ? 3 : random(8);
  if (kind === 7) {
    say(`HTTP/1.1 204 No Content\r\n${common}\r\n`);
  } else if (kind === 6) {
    say(`HTTP/1.1 200 OK\r\n${common}\r\n`);
    parts.push(content);
    return { bytes: Buffer.concat(parts), ends: true };
  } else if (kind >= 3) {
    say(`HTTP/1.1 200 OK\r\n${common}Content-Length: ${content.byteLength}\r\n\r\n`);
    if (method !== 'HEAD') parts.push(content);
  } else {
    say(`HTTP/1.1 200 OK\r\n${common}Transfer-Encoding: chunked\r\n\r\n`);
    for (let at = 0; at < content.byteLength; ) {
      const chunk = content.subarray(at, at + 1 + anyLength(random));
      say(`${chunk.byteLength.toString(16)}${random(4) === 0 ? ';name="value"' : ''}\r\n`);
      parts.push(chunk);
      say('\r\n');
      at += chunk.byteLength;
    }
    say(random(2) === 0 ? '0\r\n\r\n' : '0\r\nTrailer: yes\r\n\r\n');
  }
  return { bytes: Buffer.concat(parts), ends: false };
}

const contentOf = (n: number): Buffer => pattern(anyLength(createRandom(seed ^ (n * 7919))), n);
const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes in random pieces with random pauses. */
async function trickle(socket: Socket, bytes: Buffer, random: Random): Promise<void> {
  for (let at = 0, pieces = 0; at < bytes.byteLength; pieces++) {
    // Long answers would take for ever in bytes.
    const most = pieces > 20 ? 2 ** 20 : 2 ** random(18);
    const piece = bytes.subarray(at, at + 1 + random(most));
    at += piece.byteLength;
    if (!socket.write(piece) && !socket.destroyed) await drained(socket);
    if (random(2) === 0) await turns(random(4));
  }
}

/** Resolves when the socket can take more, or is closed. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle).off('close', settle);
      resolve();
    };
    socket.on('drain', settle).on('close', settle);
  });
}

function serveRandomly(test: TestContext, secure?: object): ReturnType<typeof serveRaw> {
  return serveRaw(
    test,
    (socket) => {
      readRequests(socket, async (seen) => {
        const n = Number(seen.path.slice(1));
        const { bytes, ends } = answerTo(seen, n);
        await trickle(socket, bytes, createRandom(seed + 31 * n));
        if (ends) socket.end();
      });
    },
    secure,
  );
}

/** A body of any kind, or none. */
function anyBody(random: Random, n: number): { readonly sent: Buffer; readonly body?: Content } {
  if (random(3) > 0) return { sent: Buffer.alloc(0) };
  const sent = pattern(anyLength(random), n + 100_000);
  const source = (async function* () {
    for (let at = 0; at < sent.byteLength; ) {
      const chunk = sent.subarray(at, at + random(100_000));
      at += chunk.byteLength;
      yield chunk;
    }
  })();
  return { sent, body: streamContent(source, random(2) === 0 ? {} : { size: sent.byteLength }) };
}

async function exchange({ send }: TestTransport, url: string, n: number): Promise<void> {
  const random = createRandom(seed + 17 * n);
  const { sent, body } = anyBody(random, n);
  const more: Partial<HttpRequest> =
    body === undefined
      ? { method: random(6) === 0 ? 'HEAD' : 'GET' }
      : { method: 'PUT', body, replay: 'never' };
  const request = get(`${url}${n}`, more);
  const response = await send(request);
  assert.deepEqual(response.headers['x-number'], [String(n)]);
  assert.deepEqual(response.headers['x-hash'], [hashOf(sent)]);
  const isEmpty = request.method === 'HEAD' || response.status === 204;
  const expected = isEmpty ? Buffer.alloc(0) : contentOf(n);
  const givesUp = random(10) === 0;
  let at = 0;
  for await (const chunk of response.body) {
    if (random(3) === 0) await turns(random(3));
    assert.ok(Buffer.compare(chunk, expected.subarray(at, at + chunk.byteLength)) === 0, `request ${n}`);
    at += chunk.byteLength;
    if (givesUp) return;
  }
  assert.equal(at, expected.byteLength, `request ${n}`);
}

async function exchangeAll(line: TestTransport, url: string): Promise<void> {
  let next = 0;
  const reader = async (): Promise<void> => {
    while (next < requests) await exchange(line, url, next++);
  };
  await Promise.all(Array.from({ length: readers }, reader));
}

it(`${requests} random answers over plain connections are the ones that were sent (seed ${seed})`, async (test) => {
  const server = await serveRandomly(test);
  await exchangeAll(transport(test), server.url);
  assert.ok(server.sockets.length < requests / 2, `${server.sockets.length} connections`);
});

it(`${requests} random answers over TLS are the ones that were sent (seed ${seed})`, async (test) => {
  const server = await serveRandomly(test, {});
  await exchangeAll(transport(test), server.url);
  assert.ok(server.sockets.length < requests / 2, `${server.sockets.length} connections`);
});

it(`${requests} random answers through a tunnel are the ones that were sent (seed ${seed})`, async (test) => {
  const server = await serveRandomly(test, {});
  const login = `user:${secret('proxy')}`;
  const proxy = await startProxy(`127.0.0.1:${server.port}`, login);
  atEnd(test, () => proxy[Symbol.asyncDispose]());
  const line = transport(test, { proxy: () => `http://${login}@${proxy.host}` });
  await exchangeAll(line, `https://localhost:${server.port}/`);
  assert.ok(proxy.asked.length < requests / 2, `${proxy.asked.length} tunnels`);
  assert.ok(proxy.asked.length > 0);
});
