import type { Socket } from 'node:net';
import tls from 'node:tls';
import { TransportError } from '../../errors.ts';
import type { TargetUri } from '../../wire/message.ts';
import { transportError } from '../failure.ts';
import type { Dial } from './connection.ts';
import { createHeadBuffer } from './head-buffer.ts';
import { type ProxyServer, proxyHeaders } from './proxy.ts';
import { parseResponseHead } from './response-head.ts';
import { secureOptions, serverName, type TlsOptions } from './tls.ts';

export interface TunnelOptions {
  readonly proxy: ProxyServer;
  /** Opens a connection to the proxy itself. */
  readonly toProxy: Dial;
  /** TLS settings for the final host. */
  readonly tls: TlsOptions;
  /** Milliseconds. */
  readonly connectWithin: number;
}

/** Opens TLS connections through a proxy. The proxy learns only the name of the final host. */
export function tunnelDial({ hostname, port, host }: TargetUri, options: TunnelOptions): Dial {
  const { proxy } = options;
  const secured = secureOptions(options.tls, host);
  return async (reading, ended) => {
    const socket = await openTunnel({ hostname, port }, options, ended);
    if (socket.destroyed) throw proxyFailure(new Error('no answer arrived'), proxy);
    return tls.connect({ ...secured, ...serverName(hostname), host: hostname, socket, ...reading });
  };
}

/** Resolves with the connection to the proxy when the proxy has opened the tunnel. */
async function openTunnel(
  { hostname, port }: Pick<TargetUri, 'hostname' | 'port'>,
  { proxy, toProxy, connectWithin }: TunnelOptions,
  ended: (act: () => void) => void,
): Promise<Socket> {
  // Without memory of its own, because the socket is handed on.
  const socket = await toProxy({}, ended);
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
      socket.on('error', () => undefined);
      act();
    };
    const fail = (error: TransportError): void =>
      settle(() => {
        socket.destroy();
        reject(error);
      });
    // Limits the total time: a proxy that sends a byte now and then keeps the socket from being idle.
    const timer = setTimeout(() => {
      const message = `the proxy ${proxy.host} opened no tunnel to ${hostname} within ${connectWithin / 1000} s`;
      fail(new TransportError('TIMED_OUT', message));
    }, connectWithin);
    ended(() => fail(proxyFailure(new Error('no answer arrived'), proxy)));
    const head = createHeadBuffer();
    socket
      .on('error', (error) => fail(proxyFailure(error, proxy)))
      .on('close', () => fail(proxyFailure(new Error('no answer arrived'), proxy)))
      .on('data', (chunk: Uint8Array) => {
        try {
          // An interim answer (1xx) may arrive together with the final one.
          for (let complete = head.add(chunk); complete !== undefined; complete = head.add(complete.rest)) {
            const { status } = parseResponseHead(complete.text);
            if (status >= 100 && status < 200 && status !== 101) continue;
            if (status < 200 || status >= 300 || complete.rest.byteLength > 0) {
              fail(refusal(status, proxy));
              return;
            }
            socket.pause();
            settle(() => resolve(socket));
            return;
          }
        } catch (error) {
          fail(proxyFailure(error, proxy));
        }
      })
      .once(proxy.secure ? 'secureConnect' : 'connect', () =>
        socket.write(connectHead({ hostname, port }, proxy)),
      );
  });
}

function connectHead({ hostname, port }: Pick<TargetUri, 'hostname' | 'port'>, proxy: ProxyServer): string {
  const authority = `${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`;
  const headers = Object.entries({ Host: [authority], ...proxyHeaders(proxy) });
  const lines = headers.map(([name, [value = '']]) => `${name}: ${value}\r\n`).join('');
  return `CONNECT ${authority} HTTP/1.1\r\n${lines}\r\n`;
}

/** Names the proxy, so that its silence is not taken for a silence of the registry. */
function proxyFailure(error: unknown, proxy: ProxyServer): TransportError {
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
