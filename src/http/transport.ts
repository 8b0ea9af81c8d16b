import type http from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import { TransportError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { receiveBody } from './body-receiver.ts';
import { createBodySender } from './body-sender.ts';
import { transportError } from './failure.ts';
import type { ProxyOption } from './proxy.ts';
import { parseTarget, type Target } from './target.ts';
import { isUnknownIssuer, type TlsChoice, type TlsOptions } from './tls.ts';
import type { Way } from './way.ts';
import { createWays } from './ways.ts';

/** The end of every line: sends one request as it is, and knows nothing of retries, redirects and credentials. */
export interface Transport {
  readonly send: Send;
  /** A hint: so many requests to the origin of `url` are about to come. Settled when connections are on their way. */
  expect?(url: string, requests: number): Promise<void>;
  /** Ends idle connections; requests under way fail with CUT_OFF. */
  close(): Promise<void>;
}

export interface NodeTransportOptions {
  /** For every host, or for each its own. */
  readonly tls?: TlsOptions | TlsChoice;
  /** Asked for once, when a certificate is met whose authority is not known: PEM certificates that are trusted, too. */
  readonly moreAuthorities?: () => Promise<readonly string[]>;
  /** Default: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say. */
  readonly proxy?: ProxyOption;
  /** Milliseconds until a connection, TLS included, must stand. Default 30 s. */
  readonly connectWithin?: number;
  /** How names are looked up. Default: as the machine does it. */
  readonly lookup?: LookupFunction;
}

/** What the kernel may have swallowed of a small body before a closed connection shows. */
const smallBody = 64 * 1024;

/**
 * Sends over `node:http` and `node:https` with connections kept alive: raw bytes both ways, no redirects, no cookies.
 *
 * A request that meets a kept connection which the server has closed in the meantime is sent once more over a new one.
 * One with `sentBy` goes to no address that is closer to us than whoever sent us there.
 * Rejects with NO_CONNECTION, TIMED_OUT (no connection in time), CUT_OFF, SIZE_INVALID (a body unlike its announced
 * length), REDIRECT_REFUSED, INVALID_OPTION (certificates), whatever the body's source throws, or the signal's own reason.
 */
export function createNodeTransport(options: NodeTransportOptions = {}): Transport {
  const { connectWithin = 30_000, moreAuthorities } = options;
  const ways = createWays({ ...options, connectWithin });

  const attempt = (request: HttpRequest, target: Target, way: Way, fresh: boolean): Exchange => {
    const { method } = request;
    const outgoing = way.open({ method, path: target.path, headers: outgoingHeaders(request) }, { fresh });
    return exchange(outgoing, request, { target, way, connectWithin });
  };
  const sendOver = async (way: Way, request: HttpRequest, target: Target): Promise<HttpResponse> => {
    const first = attempt(request, target, way, false);
    try {
      return await first.response;
    } catch (error) {
      if (!first.wasStale()) throw error;
      // A new connection, not another of the pool: after a restart of the server all of those are dead.
      return await attempt(request, target, way, true).response;
    }
  };

  const send: Send = async (request) => {
    request.signal?.throwIfAborted();
    const target = parseTarget(request.url);
    const way = await ways.to(request, target);
    request.signal?.throwIfAborted();
    try {
      return await sendOver(way, request, target);
    } catch (error) {
      if (moreAuthorities === undefined || !isUnknownIssuer(error)) throw error;
      await ways.trust(moreAuthorities);
      const wider = await ways.to(request, target);
      if (wider === way) throw error;
      return await sendOver(wider, request, target);
    }
  };

  return {
    send,
    async expect(url, requests) {
      // A failure is met again by the requests.
      const way = await ways.to({ url }, parseTarget(url)).catch(() => undefined);
      // What is being sent now gets its connections first.
      await new Promise(setImmediate);
      way?.expect(requests);
      // Their first packets leave before the caller goes on to what may take long.
      await new Promise(setImmediate);
    },
    async close(): Promise<void> {
      await ways.close();
    },
  };
}

interface Exchange {
  readonly response: Promise<HttpResponse>;
  /** Whether it failed because a kept connection had been closed by the server, and the request can go out again. */
  wasStale(): boolean;
}

interface ExchangeOptions {
  readonly way: Way;
  readonly target: Target;
  readonly connectWithin: number;
}

function exchange(
  outgoing: http.ClientRequest,
  request: HttpRequest,
  { target, way, connectWithin }: ExchangeOptions,
): Exchange {
  const { signal } = request;
  const line = watchConnection(outgoing, { target, way, connectWithin });
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
      // One that was given up ends in the same way as one whose connection was dead.
      stale = signal?.aborted !== true && line.isStale(error) && sender.canRepeat(smallBody);
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

function watchConnection(
  outgoing: http.ClientRequest,
  { target: { host }, way, connectWithin }: ExchangeOptions,
): Connection {
  let up = false;
  let react: (() => void) | undefined;
  let socket: Socket | undefined;
  /** Whether it was there before the request, which may be too long ago. */
  let old = false;
  let readBefore = 0;
  const timer = setTimeout(() => {
    const message = `no connection to ${host} within ${connectWithin / 1000} s`;
    outgoing.destroy(new TransportError('TIMED_OUT', message));
  }, connectWithin);
  outgoing.once('close', () => clearTimeout(timer));
  const rise = (): void => {
    clearTimeout(timer);
    up = true;
    react?.();
  };
  outgoing.once('socket', (assigned) => {
    socket = assigned;
    readBefore = assigned.bytesRead;
    old = outgoing.reusedSocket || way.stood(assigned);
    if (old) rise();
    else assigned.once(way.opensWith, rise);
  });
  return {
    isUp: () => up,
    whenUp(callback) {
      react = callback;
      if (up) callback();
    },
    isStale: (error) =>
      old &&
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
