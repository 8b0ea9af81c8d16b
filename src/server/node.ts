import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { InputError, StorageError, TransportError } from '../errors.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { requestBody } from './node-body.ts';
import { type Connections, trackConnections } from './node-connections.ts';
import { checkExposure } from './node-exposure.ts';
import { within } from './node-idle.ts';
import { createListeningServer, type TlsIdentity } from './node-tls.ts';

export interface ListenOptions {
  /** Default 127.0.0.1: a registry without access rules is for this machine. */
  readonly host?: string;
  /** Lets an app without a login listen on other addresses than loopback: whoever reaches them may do everything. */
  readonly anonymous?: boolean;
  /** With it, `https`. */
  readonly tls?: TlsIdentity;
  /** Default 0: a free port. */
  readonly port?: number;
  /** Milliseconds that a client may send or take nothing before the connection ends. Default 60 s. */
  readonly idleTimeout?: number;
}

export interface Listener extends AsyncDisposable {
  /** `http://127.0.0.1:5000`, or with `https:`. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Takes no more connections, and settles when the running exchanges have ended; after `grace` milliseconds (default 10 s) they are cut. */
  close(options?: { readonly grace?: number }): Promise<void>;
}

/** Tokens and signed addresses make headers longer than Node's 16 KiB. */
const maxHeaderSize = 128 * 1024;
/** Longer than clients keep idle connections, so that it is they who close them and no request meets a closing one. */
const keepAliveTimeout = 75_000;
const defaultIdle = 60_000;
const defaultGrace = 10_000;

/**
 * Serves a handler on a port. Throws IN_USE for a port that is taken, NO_PERMISSION for one that is not allowed,
 * INVALID_OPTION for a host that is not this machine's, a certificate that is none, and, before the port opens, for an
 * address beyond this machine where nobody has to log in and `anonymous` does not say that this is meant.
 */
export async function listen(
  handler: Send & { readonly guarded?: boolean },
  options: ListenOptions = {},
): Promise<Listener> {
  const { host = '127.0.0.1', port = 0, idleTimeout = defaultIdle, tls } = options;
  checkExposure(host, handler.guarded === true || options.anonymous === true);
  // An upload takes as long as it takes: silence is what ends an exchange, not its length.
  const server = createListeningServer({ maxHeaderSize, requestTimeout: 0, keepAliveTimeout }, tls);
  const running = new Set<Promise<void>>();
  const connections = trackConnections(server);
  let closing = false;
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse, expects: boolean): void => {
    if (closing) outgoing.setHeader('connection', 'close');
    const exchange = connections
      .whileBusy(incoming.socket, serve(handler, incoming, outgoing, { idleTimeout, expects, listener: url }))
      .finally(() => {
        running.delete(exchange);
        if (closing) connections.endIdle();
      });
    running.add(exchange);
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

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const path = formatAddress(host, port);
  if (cause.code === 'EADDRINUSE') return new StorageError('IN_USE', `${path} is in use`, { cause, path });
  if (cause.code === 'EACCES') {
    return new StorageError('NO_PERMISSION', `no permission to listen on ${path}`, { cause, path });
  }
  return new InputError('INVALID_OPTION', `can't listen on ${path}: ${cause.code}`, { cause });
}

async function stopped(
  server: Server,
  connections: Connections,
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
}

interface ServeOptions {
  readonly idleTimeout: number;
  readonly expects: boolean;
  readonly listener: string;
}

/** One exchange, from the raw request to the last byte of its answer. Never rejects. */
async function serve(
  handler: Send,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { idleTimeout, expects, listener }: ServeOptions,
): Promise<void> {
  const abort = new AbortController();
  const closed = new Promise<void>((resolve) => {
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) abort.abort(new TransportError('CUT_OFF', 'the client has gone'));
      resolve();
    });
  });
  const onContinue = expects ? (): void => outgoing.writeContinue() : undefined;
  const body = requestBody(incoming, idleTimeout, onContinue);
  const peer = incoming.socket.remoteAddress;
  const request: HttpRequest = {
    method: incoming.method ?? 'GET',
    // Raw: a parser would fold dots and take the Host for granted.
    url: incoming.url ?? '/',
    headers: headersOf(incoming),
    ...(body === undefined ? {} : { body: body.content }),
    replay: 'never',
    arrival: { listener, ...(peer === undefined ? {} : { peer }) },
    signal: abort.signal,
  };
  try {
    const response = await handler(request);
    const early = body?.unread() === 'much';
    if (early) outgoing.setHeader('connection', 'close');
    await send(response, outgoing, idleTimeout);
    if (early && outgoing.hasHeader('content-length')) {
      // The answer is whole, and the client reads it while what it was still sending is let go.
      outgoing.flushHeaders();
      await body?.linger();
    }
    incoming.resume();
    outgoing.end();
  } catch {
    // Too late for another status: a cut connection is how the client learns that there is no answer, or not all of it.
    outgoing.destroy();
  }
  await closed;
}

function headersOf(incoming: IncomingMessage): HttpRequest['headers'] {
  return Object.fromEntries(
    Object.entries(incoming.headersDistinct).flatMap(([name, lines]) =>
      lines === undefined ? [] : [[name, lines]],
    ),
  );
}

async function send(
  { status, headers, body }: HttpResponse,
  outgoing: ServerResponse,
  idleTimeout: number,
): Promise<void> {
  outgoing.statusCode = status;
  for (const [name, lines] of Object.entries(headers)) outgoing.setHeader(name, lines);
  for await (const chunk of body) {
    await within(written(outgoing, chunk), idleTimeout, 'the client takes nothing');
  }
}

/** Waits until the chunk has left, since its source may use the same memory for the next one. */
function written(outgoing: ServerResponse, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the client has gone'));
    if (outgoing.destroyed) return gone();
    outgoing.once('close', gone);
    outgoing.write(chunk, (error) => {
      outgoing.off('close', gone);
      if (error) reject(error);
      else resolve();
    });
  });
}

function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
