import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { InputError, StorageError } from '../../errors.ts';
import {
  amount,
  arrayOf,
  callback,
  checkArgument,
  checkOptions,
  count,
  flag,
  object,
  type Shape,
  taking,
  text,
} from '../../spec/options.ts';
import type { ExchangeObserver, Serve } from '../exchange.ts';
import { type HostOptions, withHosts } from '../host-header.ts';
import { withOrigins } from '../origins.ts';
import { type ConnectionTracker, trackConnections } from './connections.ts';
import { exchange } from './exchange.ts';
import { checkExposure, isLoopbackHost } from './exposure.ts';
import { createListeningServer, type TlsIdentity } from './tls.ts';

/** Options of `listen`. */
export interface ListenOptions extends HostOptions {
  /** The address to listen on. Default 127.0.0.1, since a registry without access rules serves only this machine. */
  readonly host?: string | undefined;
  /**
   * Allows an app without a login on other addresses than loopback: every client that reaches them may do everything.
   * Default false.
   */
  readonly anonymous?: boolean | undefined;
  /** The TLS certificate. With it the listener speaks https. */
  readonly tls?: TlsIdentity | undefined;
  /** The port. Default 0: a free port. */
  readonly port?: number | undefined;
  /** Milliseconds that a client may pause within the body of a request, and that the headers may take. Default 60 s. */
  readonly requestIdle?: number | undefined;
  /** Milliseconds that a client may read nothing of an answer before the connection is closed. Default 60 s. */
  readonly answerIdle?: number | undefined;
  /** Bytes of the request line and the headers; longer ones are refused with 431. Default 128 KiB. */
  readonly headerBytes?: number | undefined;
  /**
   * Maximum number of connections; one more is closed. Another machine is limited earlier, as soon as it has as many as
   * are left. Default 4,000.
   */
  readonly connections?: number | undefined;
  /** Observes every exchange, for logs and metrics. */
  readonly observer?: ExchangeObserver | undefined;
}

/** The shape of `ListenOptions`. */
export const listenOptions: Shape<ListenOptions> = {
  hosts: arrayOf(text),
  host: text,
  anonymous: flag,
  tls: object,
  port: taking(
    'a port, from 0 to 65535',
    (port) => typeof port === 'number' && port >= 0 && port <= 65535 && Number.isInteger(port),
  ),
  requestIdle: amount,
  answerIdle: amount,
  headerBytes: count,
  connections: count,
  observer: object,
};

/** A registry that listens on a port. */
export interface Listener extends AsyncDisposable {
  /** `http://127.0.0.1:5000`, or with `https:`. */
  readonly url: string;
  /** The address that it listens on. */
  readonly host: string;
  /** The port that it listens on. */
  readonly port: number;
  /**
   * Accepts no more connections and resolves when the running exchanges have ended. After `grace` milliseconds (default
   * 10 s) it closes their connections.
   */
  close(options?: { readonly grace?: number }): Promise<void>;
}

/** Tokens and signed addresses make headers longer than Node's 16 KiB. */
const defaultHeaderBytes = 128 * 1024;
/**
 * Milliseconds. Longer than clients keep idle connections: the client then closes them, and no request meets a closing
 * connection.
 */
const keepAliveTimeout = 75_000;
/** Milliseconds. Longer than short network failures. */
const defaultIdle = 60_000;
/** Each connection takes a file descriptor and about 20 KiB; all together fit into a small machine. */
const defaultConnections = 4_000;
/** Milliseconds between two checks for late headers. */
const checkInterval = 10_000;
const defaultGrace = 10_000;
const cutTime = 200;

/**
 * Serves a handler on a port. Refuses web pages of other origins (`withOrigins`). Without a login, a listener on
 * loopback answers only to the names in `hosts`, the machine's own name and names that no other machine can claim
 * (`withHosts`).
 * @throws IN_USE for an occupied port, NO_PERMISSION for a forbidden one, INVALID_OPTION for an address that this
 * machine does not have, an invalid certificate, or, before the port opens, an address beyond this machine without a
 * login and without `anonymous`.
 */
export async function listen(app: Serve, options: ListenOptions = {}): Promise<Listener> {
  checkArgument('listen', 'app', app, callback);
  checkOptions('listen', options, listenOptions);
  const { host = '127.0.0.1', port = 0, tls, headerBytes = defaultHeaderBytes, observer } = options;
  const { requestIdle = defaultIdle, answerIdle = defaultIdle } = options;
  const guarded = app.guarded === true;
  checkExposure(host, guarded || options.anonymous === true);
  const names = { hosts: options.hosts, machine: hostname() };
  const handler = withOrigins(guarded || !isLoopbackHost(host) ? app : withHosts(app, names), names);
  // An upload may take any time: silence ends an exchange, not its length.
  const http = {
    maxHeaderSize: headerBytes,
    requestTimeout: 0,
    // Node disables this timeout together with the other one. Headers that arrive drop by drop would hold the
    // connection for ever.
    headersTimeout: requestIdle,
    connectionsCheckingInterval: Math.min(requestIdle, checkInterval),
    keepAliveTimeout,
  };
  const server = createListeningServer(http, tls, requestIdle);
  const running = new Set<Promise<void>>();
  const connections = trackConnections(server, { limit: options.connections ?? defaultConnections });
  let closing = false;
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse, expects: boolean): void => {
    const rules = {
      requestIdle,
      answerIdle,
      observer,
      expects,
      listener: url,
      closing: () => closing,
      connections,
    };
    const exchanging = exchange(handler, incoming, outgoing, rules).finally(() => {
      running.delete(exchanging);
      if (closing) connections.endIdle();
    });
    running.add(exchanging);
  };
  server.on('request', (incoming, outgoing) => onRequest(incoming, outgoing, false));
  // 100 Continue is sent when the body is read: a refused body need not be sent at all.
  server.on('checkContinue', (incoming, outgoing) => onRequest(incoming, outgoing, true));
  await started(server, host, port);
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  const url = `${tls === undefined ? 'http' : 'https'}://${formatAddress(host, actual)}`;
  let closed: Promise<void> | undefined;
  const close = ({ grace = defaultGrace }: { readonly grace?: number } = {}): Promise<void> => {
    closing = true;
    closed ??= stopped(server, connections, running, grace);
    return closed;
  };
  return {
    url,
    host,
    port: actual,
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function started(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // The listener stays: an error while accepting (too many open files) concerns that connection only.
    server.on('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
}

const refusals: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be looked up',
  EAFNOSUPPORT: 'this machine does not speak that kind of address',
};

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const path = formatAddress(host, port);
  if (cause.code === 'EADDRINUSE') {
    const message = `${path} is in use: end the program that listens there, or choose another port (0 is a free one)`;
    return new StorageError('IN_USE', message, { cause, path });
  }
  if (cause.code === 'EACCES') {
    const message = `no permission to listen on ${path}: ports below 1024 are often reserved for root, so choose a higher one`;
    return new StorageError('NO_PERMISSION', message, { cause, path });
  }
  const why = refusals[cause.code ?? ''] ?? cause.code;
  return new InputError('INVALID_OPTION', `cannot listen on ${path}: ${why}`, { cause });
}

async function stopped(
  server: Server,
  connections: ConnectionTracker,
  running: ReadonlySet<Promise<void>>,
  grace: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      server.closeAllConnections();
      resolve();
    }, grace);
  });
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    connections.endIdle();
  });
  // A client that has gone leaves its exchange behind, which may still write to the store.
  await Promise.race([Promise.all(running), over]);
  clearTimeout(timer);
  await settled(running);
}

/** Gives closed exchanges a moment to end and to be logged. */
async function settled(running: ReadonlySet<Promise<void>>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, cutTime);
  });
  await Promise.race([Promise.all(running), over]);
  clearTimeout(timer);
}

function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
