import http from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import { TransportError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { receiveBody } from './body-receiver.ts';
import { createBodySender } from './body-sender.ts';
import { transportError } from './failure.ts';
import { parseTarget, type Target } from './target.ts';

/** The end of every line: sends one request as it is, and knows nothing of retries, redirects and credentials. */
export interface Transport {
  readonly send: Send;
  /** Ends idle connections; requests under way fail with CUT_OFF. */
  close(): Promise<void>;
}

export interface TlsOptions {
  /** PEM certificates that are trusted instead of the built-in ones. */
  readonly ca?: string | readonly string[];
  /** PEM client certificate and key. */
  readonly cert?: string;
  readonly key?: string;
  /** `false` accepts any certificate. */
  readonly rejectUnauthorized?: boolean;
}

export interface NodeTransportOptions {
  readonly tls?: TlsOptions;
  /** Milliseconds until a connection, TLS included, must stand. Default 30 s. */
  readonly connectWithin?: number;
}

/** Google's and AWS's front ends send signed addresses and tokens beyond Node's 16 KiB. */
const maxHeaderSize = 128 * 1024;
/** An idle connection is given up before most servers and middleboxes do it for us. */
const idleFor = 30_000;
/** What the kernel may have swallowed of a small body before a closed connection shows. */
const smallBody = 64 * 1024;

/**
 * Sends over `node:http` and `node:https` with connections kept alive: raw bytes both ways, no redirects, no cookies.
 *
 * A request that meets a kept connection which the server has closed in the meantime is sent once more over a new one.
 * Rejects with NO_CONNECTION, TIMED_OUT (no connection in time), CUT_OFF, SIZE_INVALID (a body unlike its announced
 * length), whatever the body's source throws, or the signal's own reason.
 */
export function createNodeTransport({ tls, connectWithin = 30_000 }: NodeTransportOptions = {}): Transport {
  const options = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, timeout: idleFor };
  const agents = { plain: new http.Agent(options), secure: new https.Agent(options) };

  const open = (request: HttpRequest, target: Target, fresh: boolean): http.ClientRequest => {
    const { secure, hostname, port, path } = target;
    const common = {
      hostname,
      port,
      path,
      method: request.method,
      headers: outgoingHeaders(request),
      maxHeaderSize,
    };
    if (!secure) return http.request({ ...common, agent: fresh ? false : agents.plain });
    return https.request({ ...common, ...tlsOptions(tls), agent: fresh ? false : agents.secure });
  };

  const send: Send = async (request) => {
    request.signal?.throwIfAborted();
    const target = parseTarget(request.url);
    const attempt = (fresh: boolean): Exchange =>
      exchange(open(request, target, fresh), request, { target, connectWithin });
    const first = attempt(false);
    try {
      return await first.response;
    } catch (error) {
      if (!first.wasStale()) throw error;
      // A new connection, not another of the pool: after a restart of the server all of those are dead.
      return await attempt(true).response;
    }
  };

  return {
    send,
    close(): Promise<void> {
      agents.plain.destroy();
      agents.secure.destroy();
      return Promise.resolve();
    },
  };
}

interface Exchange {
  readonly response: Promise<HttpResponse>;
  /** Whether it failed because a kept connection had been closed by the server, and the request can go out again. */
  wasStale(): boolean;
}

function exchange(
  outgoing: http.ClientRequest,
  request: HttpRequest,
  { target, connectWithin }: { readonly target: Target; readonly connectWithin: number },
): Exchange {
  const { signal } = request;
  const line = watchConnection(outgoing, target, connectWithin);
  const sender = createBodySender(outgoing, request, target);
  let stale = false;

  const response = new Promise<HttpResponse>((resolve, reject) => {
    const release = onAbort(signal, () => outgoing.destroy());
    const fail = (error: unknown): void => {
      sender.stop();
      release();
      if (signal?.aborted) reject(signal.reason);
      else reject(transportError(error, { target, connected: line.isUp() }));
    };
    outgoing.on('error', (error) => {
      stale = line.isStale(error) && sender.canRepeat(smallBody);
      fail(error);
    });
    outgoing.once('response', (incoming) => {
      const reusable = sender.stop();
      release();
      const body = receiveBody(incoming, { request, target, outgoing, reusable });
      resolve({
        status: incoming.statusCode ?? 0,
        headers: incomingHeaders(incoming),
        body,
        url: request.url,
      });
    });
    // The source is not opened before there is somebody to send to: what reached nobody can be sent elsewhere.
    line.whenUp(() => {
      sender.run().catch((error: unknown) => {
        release();
        reject(signal?.aborted ? signal.reason : error);
        outgoing.destroy();
      });
    });
  });
  return { response, wasStale: () => stale };
}

/** What must be known of a connection to judge its failure. */
interface Connection {
  isUp(): boolean;
  whenUp(react: () => void): void;
  /** Whether this error is that of a kept connection which was closed before a byte of the answer came. */
  isStale(error: Error): boolean;
}

function watchConnection(outgoing: http.ClientRequest, target: Target, connectWithin: number): Connection {
  const { host, secure } = target;
  let up = false;
  let react: (() => void) | undefined;
  let socket: Socket | undefined;
  let readBefore = 0;
  const rise = (): void => {
    up = true;
    react?.();
  };
  outgoing.once('socket', (assigned) => {
    socket = assigned;
    readBefore = assigned.bytesRead;
    if (outgoing.reusedSocket) return rise();
    const timer = setTimeout(() => {
      const message = `no connection to ${host} within ${connectWithin / 1000} s`;
      outgoing.destroy(new TransportError('TIMED_OUT', message));
    }, connectWithin);
    outgoing.once('close', () => clearTimeout(timer));
    assigned.once(secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      rise();
    });
  });
  return {
    isUp: () => up,
    whenUp(callback) {
      react = callback;
      if (up) callback();
    },
    isStale: (error) =>
      outgoing.reusedSocket &&
      'code' in error &&
      (error.code === 'ECONNRESET' || error.code === 'EPIPE') &&
      socket?.bytesRead === readBefore,
  };
}

function outgoingHeaders({ headers, body }: HttpRequest): Record<string, string | string[]> {
  const lines: Record<string, string | string[]> = {};
  for (const [name, values] of Object.entries(headers)) {
    const [first = ''] = values;
    if (values.length > 0) lines[name] = values.length === 1 ? first : [...values];
  }
  // ACR and Nexus refuse chunked transfers: the length is always said where it is known.
  if (body?.size !== undefined && lines['content-length'] === undefined)
    lines['content-length'] = String(body.size);
  return lines;
}

function incomingHeaders({ rawHeaders }: http.IncomingMessage): HeaderMap {
  const lines = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const values = lines.get(name);
    if (values === undefined) lines.set(name, [rawHeaders[at + 1] ?? '']);
    else values.push(rawHeaders[at + 1] ?? '');
  }
  return Object.fromEntries(lines);
}

function tlsOptions({ ca, cert, key, rejectUnauthorized }: TlsOptions = {}): https.RequestOptions {
  return {
    ...(ca === undefined ? {} : { ca: typeof ca === 'string' ? ca : [...ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}
