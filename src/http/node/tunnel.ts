import http from 'node:http';
import https from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TransportError } from '../../errors.ts';
import { transportError } from '../failure.ts';
import { type ProxyServer, proxyAddress, proxyHeaders } from './proxy.ts';

export interface TunnelOptions {
  readonly proxy: ProxyServer;
  /** TLS options for a proxy that itself speaks TLS. */
  readonly proxyTls: https.RequestOptions;
  /** Milliseconds. */
  readonly connectWithin: number;
}

/** Keeps TLS connections through a proxy. The proxy learns only the name of the final host. */
export class TunnelAgent extends https.Agent {
  readonly #tunnel: TunnelOptions;
  readonly #opening = new Set<http.ClientRequest>();

  constructor(options: https.AgentOptions, tunnel: TunnelOptions) {
    super(options);
    this.#tunnel = tunnel;
  }

  override createConnection(
    options: https.RequestOptions,
    callback: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const outgoing = askForTunnel(options, this.#tunnel);
    this.#opening.add(outgoing);
    let isSettled = false;
    const settle = (error: Error | null, stream: Duplex): void => {
      if (!isSettled) callback(error, stream);
      isSettled = true;
    };
    const fail = (error: Error): void => settle(error, new Socket());
    outgoing.once('close', () => {
      this.#opening.delete(outgoing);
      fail(proxyFailure(new Error('no answer arrived'), this.#tunnel.proxy));
    });
    outgoing.once('error', (error) => fail(proxyFailure(error, this.#tunnel.proxy)));
    outgoing.once('connect', ({ statusCode = 0 }, socket) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        fail(refusal(statusCode, this.#tunnel.proxy));
        return;
      }
      socket.setTimeout(0);
      const through = { ...options, socket };
      const secured = super.createConnection(through);
      if (secured !== null && secured !== undefined) settle(null, secured);
    });
    outgoing.end();
    return undefined;
  }

  override destroy(): void {
    for (const outgoing of this.#opening) outgoing.destroy();
    super.destroy();
  }
}

function askForTunnel(
  { host, port }: https.RequestOptions,
  { proxy, proxyTls, connectWithin }: TunnelOptions,
): http.ClientRequest {
  const authority = `${host?.includes(':') ? `[${host}]` : host}:${port}`;
  const request = {
    ...proxyAddress(proxy),
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...proxyHeaders(proxy) },
    agent: false,
  };
  const outgoing = proxy.secure ? https.request({ ...proxyTls, ...request }) : http.request(request);
  // Limits the total time: a proxy that sends a byte now and then keeps the socket from being idle.
  const timer = setTimeout(() => {
    const message = `the proxy ${proxy.host} opened no tunnel to ${host} within ${connectWithin / 1000} s`;
    outgoing.destroy(new TransportError('TIMED_OUT', message));
  }, connectWithin);
  return outgoing.once('close', () => clearTimeout(timer)).once('connect', () => clearTimeout(timer));
}

/** Names the proxy, so that its silence is not taken for a silence of the registry. */
function proxyFailure(error: Error, proxy: ProxyServer): TransportError {
  const target = { host: `the proxy ${proxy.host}` };
  const cause = transportError(error, { target, connected: false });
  const code = cause.code === 'TIMED_OUT' ? 'TIMED_OUT' : 'NO_CONNECTION';
  return new TransportError(code, cause.message, { cause });
}

function refusal(status: number, { host, authorization }: ProxyServer): TransportError {
  const required = authorization === undefined ? 'a user and password' : 'another user or password';
  const why = status === 407 ? `it requires ${required}` : `it answered with ${status}`;
  return new TransportError('NO_CONNECTION', `the proxy ${host} refuses to connect: ${why}`);
}
