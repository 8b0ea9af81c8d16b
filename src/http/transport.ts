import type { LookupFunction } from 'node:net';
import { unlessAborted } from '../flow/abort.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import type { Connector } from './connector.ts';
import { createConnectors } from './connectors.ts';
import { type Exchange, exchange } from './exchange.ts';
import type { ProxyOption } from './proxy.ts';
import { parseTarget, type Target } from './target.ts';
import { isUnknownIssuer, type TlsChoice, type TlsOptions } from './tls.ts';

/** The end of every line: sends one request as it is, and knows nothing of retries, redirects and credentials. */
export interface Transport {
  readonly send: Send;
  /** A hint: so many requests to the origin of `url` are about to come. Settled when connections are on their way. */
  preconnect?(url: string, requests: number): Promise<void>;
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

/**
 * Sends over `node:http` and `node:https` with connections kept alive: raw bytes both ways, no redirects, no cookies.
 *
 * A request that meets a connection which stood before it, and which the server has closed or given up with a 408 or other
 * bytes in the meantime, is sent once more over a new one, unless it may have been processed. Interim answers (1xx) are
 * skipped.
 * One with `sentBy` goes to no address that is closer to us than whoever sent us there.
 * Rejects with NO_CONNECTION, TIMED_OUT (no connection in time), CUT_OFF, UNEXPECTED_STATUS (101), SIZE_INVALID (a body unlike its announced
 * length), REDIRECT_REFUSED, INVALID_OPTION (certificates), whatever the body's source throws, or the signal's own reason.
 */
export function createNodeTransport(options: NodeTransportOptions = {}): Transport {
  const { connectWithin = 30_000, moreAuthorities } = options;
  const connectors = createConnectors({ ...options, connectWithin });

  const attempt = (request: HttpRequest, target: Target, connector: Connector, fresh: boolean): Exchange => {
    const { method } = request;
    const outgoing = connector.open(
      { method, path: target.path, headers: outgoingHeaders(request) },
      { fresh },
    );
    return exchange(outgoing, request, { target, connector, connectWithin });
  };
  const sendOver = async (
    connector: Connector,
    request: HttpRequest,
    target: Target,
  ): Promise<HttpResponse> => {
    const first = attempt(request, target, connector, false);
    try {
      return await first.response;
    } catch (error) {
      if (!first.wasStale()) throw error;
      // A new connection, not another of the pool: after a restart of the server all of those are dead.
      return await attempt(request, target, connector, true).response;
    }
  };

  const send: Send = async (request) => {
    request.signal?.throwIfAborted();
    const target = parseTarget(request.url);
    const { signal } = request;
    // Certificates and authorities may come from somebody who never answers.
    const connector = await unlessAborted(connectors.to(request, target), signal);
    signal?.throwIfAborted();
    try {
      return await sendOver(connector, request, target);
    } catch (error) {
      if (moreAuthorities === undefined || !isUnknownIssuer(error)) throw error;
      await unlessAborted(connectors.trust(moreAuthorities), signal);
      const wider = await unlessAborted(connectors.to(request, target), signal);
      if (wider === connector) throw error;
      return await sendOver(wider, request, target);
    }
  };

  return {
    send,
    async preconnect(url, requests) {
      // A failure is met again by the requests.
      const connector = await connectors.to({ url }, parseTarget(url)).catch(() => undefined);
      // What is being sent now gets its connections first.
      await new Promise(setImmediate);
      connector?.preconnect(requests);
      // Their first packets leave before the caller goes on to what may take long.
      await new Promise(setImmediate);
    },
    async close(): Promise<void> {
      await connectors.close();
    },
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
