import { createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { collect } from '../../src/flow/collect.ts';
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
  /** Writes the answer to any request. Default: the head and the body at once. */
  readonly write?: (socket: Socket, head: string, body: Uint8Array) => Promise<void> | void;
  /** Called with each new connection, and the number of those before it. */
  readonly opened?: (socket: Socket, number: number) => void;
  /** Ends the connection after each answer for a blob. */
  readonly ends?: true;
}

const mostBytes = 64 * 1024 * 1024;

/** Serves GET and HEAD of a registry over sockets, byte by byte as the test says. Returns the host. */
export async function rawServer(test: TestContext, registry: Registry, raw: RawServer): Promise<string> {
  const app = createApp(registry);
  const sockets = new Set<Socket>();
  let blobs = 0;
  let opened = 0;

  const answer = async (socket: Socket, text: string): Promise<void> => {
    const [line = '', ...fields] = text.split('\r\n');
    const [method = '', url = ''] = line.split(' ');
    const headers = Object.fromEntries(
      fields.filter(Boolean).map((field) => {
        const [name = '', value = ''] = field.split(/: ?(.*)/s);
        return [name.toLowerCase(), [value]];
      }),
    );
    const response = await app({ method, url, headers, replay: 'safe' });
    const body = await collect(response.body, { limit: mostBytes, what: 'test answer' });
    const isBlob = method === 'GET' && url.includes('/blobs/');
    const plain = { status: response.status, headers: response.headers, body };
    const given = isBlob
      ? (raw.blob?.(plain, { number: blobs++, range: headerValue(headers, 'range') }) ?? plain)
      : plain;
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
    if (isBlob && raw.ends === true) socket.end();
  };

  const server = createServer((socket) => {
    sockets.add(socket);
    raw.opened?.(socket, opened++);
    let seen = '';
    let turn = Promise.resolve();
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1');
      for (let end = seen.indexOf('\r\n\r\n'); end >= 0; end = seen.indexOf('\r\n\r\n')) {
        const request = seen.slice(0, end);
        seen = seen.slice(end + 4);
        turn = turn.then(() => answer(socket, request));
      }
    });
  });
  atEnd(test, () => {
    for (const socket of sockets) socket.destroy();
  });
  return `127.0.0.1:${await listening(test, server)}`;
}
