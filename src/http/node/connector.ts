import http from 'node:http';
import type https from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { TargetUri } from '../../wire/message.ts';

import { guardIdle } from './idle.ts';
import { addPreconnections } from './preconnect.ts';
import { type ProxyServer, proxyAddress, proxyHeaders } from './proxy.ts';
import { secureOptions, type TlsOptions } from './tls.ts';

/** Opens the connections to one origin, directly or through a proxy. */
export interface Connector {
  /** The event after which a new socket can send bytes. */
  readonly opensWith: 'connect' | 'secureConnect';
  /** Sends a request. With `fresh` it uses a new connection and none of the kept ones. */
  open(request: Outgoing, options: { readonly fresh: boolean }): http.ClientRequest;
  /** Announces that this number of requests will follow. */
  preconnect(requests: number): void;
  /** Returns whether this connection was established before its first request. */
  stood(socket: Socket): boolean;
  close(): void;
}

interface Outgoing {
  readonly method: string;
  /** The request target, byte for byte as it goes into the request line. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

export interface ConnectorOptions {
  readonly tls: TlsOptions;
  readonly proxy: ProxyServer | undefined;
  readonly proxyTls: TlsOptions;
  readonly lookup: LookupFunction;
  /** Milliseconds. */
  readonly connectWithin: number;
}

/** The front ends of Google and AWS send signed addresses and tokens of more than Node's 16 KiB. */
const maxHeaderSize = 128 * 1024;
/** Milliseconds. Shorter than the idle timeout of most servers and middleboxes. */
const idleFor = 30_000;

export async function createConnector(target: TargetUri, options: ConnectorOptions): Promise<Connector> {
  const { proxy, lookup } = options;
  if (!target.secure) {
    if (proxy !== undefined) return carried(target, proxy, options);
    return direct(target, (keepAlive) => new http.Agent({ ...kept(keepAlive), lookup }), { lookup });
  }
  const secured = secureOptions(options.tls, target.host);
  if (proxy === undefined) {
    const options = { ...secured, lookup };
    return direct(
      target,
      (keepAlive) => new (nodeHttps().Agent)({ ...kept(keepAlive), ...options }),
      options,
    );
  }
  // Loaded only when needed, because its agent imports node:https, which plain HTTP does without.
  const { TunnelAgent } = await import('./tunnel.ts');
  const tunnel = {
    proxy,
    proxyTls: secureOptions(options.proxyTls, proxy.host),
    connectWithin: options.connectWithin,
  };
  return direct(target, (keepAlive) => new TunnelAgent({ ...kept(keepAlive), ...secured }, tunnel));
}

/** Loads `node:https` with the first TLS connection: it brings `node:tls` and `node:crypto`, and takes a millisecond. */
function nodeHttps(): typeof https {
  return process.getBuiltinModule('node:https');
}

/** A direct connection, or a tunnel, which the agents set up. Only direct connections have preconnections. */
function direct(
  { secure, hostname, port }: TargetUri,
  createAgent: (keepAlive: boolean) => http.Agent,
  preconnectOptions?: http.AgentOptions,
): Connector {
  const pool = createAgent(true);
  guardIdle(pool);
  const opensWith = secure ? 'secureConnect' : 'connect';
  const servername = secure && isIP(hostname) === 0 ? { servername: hostname } : {};
  const place = { host: hostname, port, noDelay: true, ...servername };
  const preconnected =
    preconnectOptions &&
    addPreconnections(pool, { ...kept(true), ...preconnectOptions, ...place }, opensWith);
  return {
    opensWith,
    preconnect: (requests) => preconnected?.preconnect(requests),
    stood: (socket) => preconnected?.stood(socket) === true,
    open: (request, { fresh }) =>
      (secure ? nodeHttps() : http).request({
        ...request,
        hostname,
        port,
        maxHeaderSize,
        agent: fresh ? createAgent(false) : pool,
      }),
    close() {
      preconnected?.close();
      pool.destroy();
    },
  };
}

/** Plain HTTP through a proxy: the request line contains the whole URL. */
function carried({ host }: TargetUri, proxy: ProxyServer, { proxyTls, lookup }: ConnectorOptions): Connector {
  const secured = proxy.secure ? secureOptions(proxyTls, proxy.host) : {};
  const createAgent = (keepAlive: boolean): http.Agent =>
    proxy.secure
      ? new (nodeHttps().Agent)({ ...kept(keepAlive), ...secured, lookup })
      : new http.Agent({ ...kept(keepAlive), lookup });
  const pool = createAgent(true);
  guardIdle(pool);
  return {
    opensWith: proxy.secure ? 'secureConnect' : 'connect',
    preconnect: () => undefined,
    stood: () => false,
    open: ({ method, path, headers }, { fresh }) =>
      (proxy.secure ? nodeHttps() : http).request({
        ...proxyAddress(proxy),
        method,
        path: `http://${host}${path}`,
        headers: { host, ...headers, ...proxyHeaders(proxy) },
        maxHeaderSize,
        agent: fresh ? createAgent(false) : pool,
      }),
    close: () => pool.destroy(),
  };
}

function kept(keepAlive: boolean): http.AgentOptions {
  return { keepAlive, maxSockets: Number.POSITIVE_INFINITY, timeout: idleFor };
}
