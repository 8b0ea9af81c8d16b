import assert from 'node:assert/strict';
import net, { type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import tls from 'node:tls';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { alsoSecret } from '../../../test/secret.ts';
import type { HttpRequest } from '../../wire/message.ts';
import type { Transport } from '../transport.ts';
import { createNodeTransport, type NodeTransportOptions } from './transport.ts';

/** Made for these tests only: a self-signed certificate for localhost and 127.0.0.1, valid until 2126. */
export const key: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjZJHDxMiFI486iHo
ollbQNCGPPLoL8obBXvvvPQVM8OhRANCAASWH4GaarR5yOjM/VJLeNuBYGxL0x4r
bHECkV7GBs8qSdcdf959sRD958qYaQ/SpzYYosaawzvGEkZyPIM+JZo6
-----END PRIVATE KEY-----
`;
alsoSecret(key.split('\n')[2] ?? key);
export const cert: string = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUNCZiG+xDQ+lIUC01q5N8ia/rJK8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA1NTA1MloYDzIxMjYxMDI5
MDU1MDUyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASWH4GaarR5yOjM/VJLeNuBYGxL0x4rbHECkV7GBs8qSdcdf959sRD9
58qYaQ/SpzYYosaawzvGEkZyPIM+JZo6o28wbTAdBgNVHQ4EFgQUdUDEw7yn10r0
4iODiuxGOKAX6B8wHwYDVR0jBBgwFoAUdUDEw7yn10r04iODiuxGOKAX6B8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIgQWASslufZvyWLtrgd98YShyXHxBVzfjvHk6UzzePvkYCIQDd
K7aqj/VkzwBQ721MtBkS4MfF9CIrdvxfJ6mtPs9O/Q==
-----END CERTIFICATE-----
`;

export interface RawServer {
  readonly url: string;
  readonly port: number;
  /** The server's ends of all connections so far. */
  readonly sockets: readonly Socket[];
}

/** Starts a server that calls `act` for each connection. With `secure` the server speaks TLS. */
export async function serveRaw(
  test: TestContext,
  act: (socket: Socket, connection: number) => void,
  secure?: tls.TlsOptions,
): Promise<RawServer> {
  const sockets: Socket[] = [];
  const accept = (socket: Socket): void => {
    socket.on('error', () => undefined);
    act(socket, sockets.push(socket) - 1);
  };
  const server =
    secure === undefined
      ? net.createServer({ noDelay: true }, accept)
      : tls.createServer({ key, cert, ...secure }, accept);
  server.on('tlsClientError', () => undefined);
  const port = await listening(test, server);
  return { url: `${secure === undefined ? 'http' : 'https'}://127.0.0.1:${port}/`, port, sockets };
}

export type TestTransport = Transport & Required<Pick<Transport, 'preconnect'>>;

/** Creates a transport that trusts the certificate of these tests and ends with the test. */
export function transport(test: TestContext, options: NodeTransportOptions = {}): TestTransport {
  const made = createNodeTransport({ tls: { ca: cert }, proxy: false, ...options });
  atEnd(test, () => made.close());
  return { ...made, preconnect: async (url, requests) => made.preconnect?.(url, requests) };
}

export function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: 'GET', url, headers: {}, replay: 'safe', ...more };
}

/** Bytes in which every position is recognizable, so that no part can stand for another. */
export function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed + 1) * 2654435761;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Resolves when the socket is closed, with or without an error. */
export function hasClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

/** Waits for turns of the event loop, in which it handles all arrived bytes. */
export async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise(setImmediate);
}

/** Reads a body, waits before each step, and compares each chunk, after the wait, with the expected bytes. */
export async function readsSlowly(
  body: AsyncIterable<Uint8Array>,
  expected: Uint8Array,
  wait: () => Promise<unknown>,
): Promise<void> {
  let at = 0;
  for await (const chunk of body) {
    await wait();
    const part = expected.subarray(at, at + chunk.byteLength);
    assert.ok(Buffer.compare(chunk, part) === 0, `other bytes than the server sent, from ${at} on`);
    at += chunk.byteLength;
  }
  assert.equal(at, expected.byteLength);
}
