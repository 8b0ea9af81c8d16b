import net, { type LookupFunction, type Socket } from 'node:net';
import type { HeaderMap, TargetUri } from '../../wire/message.ts';
import type { Dial } from './connection.ts';
import { type ConnectionPool, keepConnections } from './connection-pool.ts';
import { type ProxyServer, proxyHeaders } from './proxy.ts';
import { secureOptions, serverName, type TlsOptions } from './tls.ts';

/** Opens the connections to one origin, directly or through a proxy. */
export interface Connector {
  readonly pool: ConnectionPool;
  /** Returns the text for the request line, byte for byte as it is sent. */
  requestTarget(path: string): string;
  /** Headers that each request on these connections has besides its own. */
  readonly headers: HeaderMap;
  close(): void;
}

export interface ConnectorOptions {
  readonly tls: TlsOptions;
  readonly proxy: ProxyServer | undefined;
  readonly proxyTls: TlsOptions;
  readonly lookup: LookupFunction;
  /** Milliseconds. */
  readonly connectWithin: number;
}

export async function createConnector(target: TargetUri, options: ConnectorOptions): Promise<Connector> {
  const { proxy, lookup } = options;
  const { secure, host } = target;
  if (!secure) {
    if (proxy === undefined) return direct(plainDial(target, lookup), 'connect');
    // Plain HTTP through a proxy: the request line contains the whole URL.
    const dial = proxy.secure ? secureDial(proxy, lookup, options.proxyTls) : plainDial(proxy, lookup);
    return {
      ...proxied(dial, proxy.secure ? 'secureConnect' : 'connect'),
      requestTarget: (path) => `http://${host}${path}`,
      headers: proxyHeaders(proxy),
    };
  }
  if (proxy === undefined) return direct(secureDial(target, lookup, options.tls), 'secureConnect');
  const { tunnelDial } = await import('./tunnel.ts');
  const toProxy = proxy.secure ? secureDial(proxy, lookup, options.proxyTls) : plainDial(proxy, lookup);
  return proxied(tunnelDial(target, { ...options, proxy, toProxy }), 'secureConnect');
}

export function direct(dial: Dial, opensWith: 'connect' | 'secureConnect'): Connector {
  const pool = keepConnections({ dial, opensWith });
  return { pool, requestTarget: (path) => path, headers: {}, close: () => pool.close() };
}

/** Opens no connections ahead: a proxy may count them, and they would need its permission. */
function proxied(dial: Dial, opensWith: 'connect' | 'secureConnect'): Connector {
  const connector = direct(dial, opensWith);
  return { ...connector, pool: { ...connector.pool, announce: () => undefined } };
}

interface Server {
  readonly hostname: string;
  readonly port: number;
  readonly host: string;
}

function plainDial({ hostname, port }: Server, lookup: LookupFunction): Dial {
  return (reading) => net.connect({ host: hostname, port, lookup, noDelay: true, ...reading });
}

/** Resumes the TLS session of the last connection, which saves the server's certificate and its check. */
function secureDial(server: Server, lookup: LookupFunction, options: TlsOptions): Dial {
  const secured = secureOptions(options, server.host);
  let session: Buffer | undefined;
  return (reading): Socket => {
    // Loaded with the first TLS connection, because it brings `node:crypto`.
    const socket = process.getBuiltinModule('node:tls').connect({
      ...secured,
      ...serverName(server.hostname),
      host: server.hostname,
      port: server.port,
      lookup,
      session,
      ...reading,
    });
    socket.setNoDelay(true);
    socket.on('session', (given) => {
      session = given;
    });
    socket.once('error', () => {
      session = undefined;
    });
    return socket;
  };
}
