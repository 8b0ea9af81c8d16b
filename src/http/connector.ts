import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { guardIdle } from './idle.ts';
import { addPreconnections } from './preconnect.ts';
import { type ProxyServer, proxyAddress, proxyHeaders } from './proxy.ts';
import type { Target } from './target.ts';
import { secureOptions, type TlsOptions } from './tls.ts';

/** How requests get to one origin: straight or through a proxy, over connections of their own. */
export interface Connector {
  /** The event of a new socket after which bytes can be sent. */
  readonly opensWith: 'connect' | 'secureConnect';
  /** `fresh`: over a new connection, whatever is kept. */
  open(request: Outgoing, options: { readonly fresh: boolean }): http.ClientRequest;
  /** So many requests are about to come. */
  preconnect(requests: number): void;
  /** Whether this connection stood before the request came that got it first. */
  stood(socket: Socket): boolean;
  close(): void;
}

interface Outgoing {
  readonly method: string;
  /** Byte for byte as it goes into the request line. */
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

/** Google's and AWS's front ends send signed addresses and tokens beyond Node's 16 KiB. */
const maxHeaderSize = 128 * 1024;
/** An idle connection is given up before most servers and middleboxes do it for us. */
const idleFor = 30_000;

export async function createConnector(target: Target, options: ConnectorOptions): Promise<Connector> {
  const { proxy, lookup } = options;
  if (!target.secure) {
    if (proxy !== undefined) return carried(target, proxy, options);
    return direct(target, (keepAlive) => new http.Agent({ ...kept(keepAlive), lookup }), { lookup });
  }
  const secured = secureOptions(options.tls, target.host);
  if (proxy === undefined) {
    const options = { ...secured, lookup };
    return direct(target, (keepAlive) => new https.Agent({ ...kept(keepAlive), ...options }), options);
  }
  // Loaded only where it is needed: its agent is made from that of node:https, which plain HTTP does without.
  const { TunnelAgent } = await import('./tunnel.ts');
  const tunnel = {
    proxy,
    proxyTls: secureOptions(options.proxyTls, proxy.host),
    connectWithin: options.connectWithin,
  };
  return direct(target, (keepAlive) => new TunnelAgent({ ...kept(keepAlive), ...secured }, tunnel));
}

/** Straight, or through a proxy that doesn't know what it carries: the agents know. Only a straight way has spares. */
function direct(
  { secure, hostname, port }: Target,
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
      (secure ? https : http).request({
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

/** Plain HTTP through a proxy, which is told the whole address. */
function carried({ host }: Target, proxy: ProxyServer, { proxyTls, lookup }: ConnectorOptions): Connector {
  const secured = proxy.secure ? secureOptions(proxyTls, proxy.host) : {};
  const createAgent = (keepAlive: boolean): http.Agent =>
    proxy.secure
      ? new https.Agent({ ...kept(keepAlive), ...secured, lookup })
      : new http.Agent({ ...kept(keepAlive), lookup });
  const pool = createAgent(true);
  guardIdle(pool);
  return {
    opensWith: proxy.secure ? 'secureConnect' : 'connect',
    preconnect: () => undefined,
    stood: () => false,
    open: ({ method, path, headers }, { fresh }) =>
      (proxy.secure ? https : http).request({
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
