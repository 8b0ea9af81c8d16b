import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HeaderMap } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { listening } from '../listening.ts';

/** An answer of a registry before it goes out. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: HeaderMap;
  readonly body: Uint8Array;
}

/** A request for a blob: the number of such requests before it, and its Range. */
export interface BlobRequest {
  readonly number: number;
  readonly range: string | undefined;
}

/** The way in which a server writes to its connections. */
export interface RawServer {
  /** Changes the answer to a request for a blob. */
  readonly blob?: (answer: RawAnswer, request: BlobRequest) => RawAnswer;
  /** Changes the answer to a request with a body, or to any other that changes something. */
  readonly change?: (answer: RawAnswer) => RawAnswer;
  /** Writes the answer to any request. Default: the head and the body at once. */
  readonly write?: (socket: Socket, head: string, body: Uint8Array) => Promise<void> | void;
  /** Called with each new connection, and the number of those before it. */
  readonly opened?: (socket: Socket, number: number) => void;
  /** Ends the connection after each answer that `blob` or `change` may change. */
  readonly ends?: true;
}

const mostBytes = 64 * 1024 * 1024;

const unasked = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Servers that break the rules in every answer. */
export const rude: Readonly<
  Record<'byteByByte' | 'interim' | 'unaskedAfter' | 'unaskedBefore', () => RawServer>
> = {
  byteByByte: () => ({
    async write(socket, head, body) {
      for (const byte of head) {
        socket.write(byte);
        await turn();
      }
      socket.write(body);
    },
  }),
  interim: () => ({
    write(socket, head, body) {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(100) + head);
      socket.write(body);
    },
  }),
  unaskedAfter: () => ({
    write(socket, head, body) {
      socket.write(head);
      socket.write(body);
      setTimeout(() => socket.write(unasked), 5).unref();
    },
  }),
  unaskedBefore: () => ({
    opened(socket) {
      socket.write(unasked);
    },
  }),
};

/** Serves a registry over sockets, byte by byte as the test says. A body needs a Content-Length. Returns the host. */
export async function rawServer(test: TestContext, registry: Registry, raw: RawServer): Promise<string> {
  const app = createApp(registry);
  const sockets = new Set<Socket>();
  let blobs = 0;
  let opened = 0;

  const answer = async (socket: Socket, { line, headers, bytes }: RawRequest): Promise<void> => {
    const [method = '', url = ''] = line.split(' ');
    const response = await app({ method, url, headers, replay: 'safe', body: bytesContent(bytes) });
    const body = await collect(response.body, { limit: mostBytes, what: 'test answer' });
    const isBlob = method === 'GET' && url.includes('/blobs/');
    const isChange = !['GET', 'HEAD'].includes(method);
    const plain = { status: response.status, headers: response.headers, body };
    const given = isBlob
      ? (raw.blob?.(plain, { number: blobs++, range: headerValue(headers, 'range') }) ?? plain)
      : ((isChange ? raw.change?.(plain) : undefined) ?? plain);
    const lines = Object.entries(given.headers).flatMap(([name, values]) =>
      values.map((value) => `${name}: ${value}\r\n`),
    );
    const head = `HTTP/1.1 ${given.status} X\r\n${lines.join('')}\r\n`;
    if (raw.write === undefined) {
      socket.write(head);
      socket.write(given.body);
    } else {
      await raw.write(socket, head, given.body);
    }
    if ((isBlob || isChange) && raw.ends === true) socket.end();
  };

  const server = createServer((socket) => {
    sockets.add(socket);
    raw.opened?.(socket, opened++);
    let seen = Buffer.alloc(0);
    let turn = Promise.resolve();
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      seen = Buffer.concat([seen, chunk]);
      for (let request = requestIn(seen); request !== undefined; request = requestIn(seen)) {
        seen = seen.subarray(request.length);
        const whole = request;
        turn = turn.then(() => answer(socket, whole));
      }
    });
  });
  atEnd(test, () => {
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${await listening(test, server)}`;
}

interface RawRequest {
  /** The first line. */
  readonly line: string;
  readonly headers: HeaderMap;
  /** The body. */
  readonly bytes: Uint8Array;
  /** The bytes of the whole request. */
  readonly length: number;
}

/** Returns the first request, if all of its bytes have arrived. */
function requestIn(seen: Buffer): RawRequest | undefined {
  const end = seen.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...fields] = seen.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => {
      const [name = '', value = ''] = field.split(/: ?(.*)/s);
      return [name.toLowerCase(), [value]];
    }),
  );
  const length = end + 4 + Number(headerValue(headers, 'content-length') ?? 0);
  return seen.byteLength < length
    ? undefined
    : { line, headers, bytes: seen.subarray(end + 4, length), length };
}
