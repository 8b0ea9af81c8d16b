import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { InputError, StorageError } from '../../errors.ts';
import {
  amount,
  checkOptions,
  count,
  flag,
  listOf,
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

export interface ListenOptions extends HostOptions {
  /** Default 127.0.0.1: a registry without access rules is for this machine. */
  readonly host?: string;
  /** Lets an app without a login listen on other addresses than loopback: whoever reaches them may do everything. */
  readonly anonymous?: boolean;
  /** With it, `https`. */
  readonly tls?: TlsIdentity;
  /** Default 0: a free port. */
  readonly port?: number;
  /** Milliseconds that a client may send nothing of a request's body, and take for all of its head. Default 60 s. */
  readonly requestIdle?: number | undefined;
  /** Milliseconds that a client may take nothing of an answer before the connection ends. Default 60 s. */
  readonly answerIdle?: number | undefined;
  /** Bytes of a request's line and headers; longer ones are refused with 431. Default 128 KiB. */
  readonly headerBytes?: number | undefined;
  /** Connections at once; one more is closed, and before that one of another machine that has as many as are left. Default 4,000. */
  readonly connections?: number | undefined;
  readonly observer?: ExchangeObserver;
}

/** What `listen` takes. */
export const listenOptions: Shape<ListenOptions> = {
  hosts: listOf(text),
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

export interface Listener extends AsyncDisposable {
  /** `http://127.0.0.1:5000`, or with `https:`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Takes no more connections, and settles when the running exchanges have ended; after `grace` milliseconds (default 10 s) they are cut. */
  close(options?: { readonly grace?: number }): Promise<void>;
}

/** Tokens and signed addresses make headers longer than Node's 16 KiB. */
const defaultHeaderBytes = 128 * 1024;
/** Longer than clients keep idle connections, so that it is they who close them and no request meets a closing one. */
const keepAliveTimeout = 75_000;
/** Longer than a network stays away, shorter than anybody wants to wait for one that has gone. */
const defaultIdle = 60_000;
/** Each has a file descriptor and some 20 KiB: in all less than a small machine has of both. */
const defaultConnections = 4_000;
/** How often heads that are late are looked for. */
const checkInterval = 10_000;
const defaultGrace = 10_000;
const cutTime = 200;

/**
 * Serves a handler on a port. Throws IN_USE for a port that is taken, NO_PERMISSION for one that is not allowed,
 * INVALID_OPTION for a host that is not this machine's, a certificate that is none, and, before the port opens, for an
 * address beyond this machine where nobody has to log in and `anonymous` does not say that this is meant. Web pages of
 * other origins are refused (`withOrigins`); where nobody has to log in, a listener on loopback answers only to the names
 * in `hosts`, the machine's own and those that nobody else can claim (`withHosts`).
 */
export async function listen(app: Serve, options: ListenOptions = {}): Promise<Listener> {
  checkOptions('listen', options, listenOptions);
  const { host = '127.0.0.1', port = 0, tls, headerBytes = defaultHeaderBytes, observer } = options;
  const { requestIdle = defaultIdle, answerIdle = defaultIdle } = options;
  const guarded = app.guarded === true;
  checkExposure(host, guarded || options.anonymous === true);
  const names = { hosts: options.hosts, machine: hostname() };
  const handler = withOrigins(guarded || !isLoopbackHost(host) ? app : withHosts(app, names), names);
  // An upload takes as long as it takes: silence is what ends an exchange, not its length.
  const http = {
    maxHeaderSize: headerBytes,
    requestTimeout: 0,
    // Node switches this one off with the other: a head that comes drop by drop would hold its connection for ever.
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
  // Answered when the body is asked for: what is refused need not be sent at all.
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
    // It stays: an error while accepting (too many open files) concerns that connection, not the process.
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
    const message = `no permission to listen on ${path}: ports below 1024 are often kept for root, choose a higher one`;
    return new StorageError('NO_PERMISSION', message, { cause, path });
  }
  const why = refusals[cause.code ?? ''] ?? cause.code;
  return new InputError('INVALID_OPTION', `can't listen on ${path}: ${why}`, { cause });
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
  // A client that has gone leaves its exchange behind, which may still be storing.
  await Promise.race([Promise.all(running), over]);
  clearTimeout(timer);
  await settled(running);
}

/** Those that were cut have a moment to notice it, and to be noted in a log. */
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
