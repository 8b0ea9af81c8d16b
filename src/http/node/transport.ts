import type { LookupFunction } from 'node:net';
import { amount, callback, checkOptions, type Shape } from '../../spec/options.ts';
import type { Send } from '../../wire/message.ts';
import { parseTargetUri, targetOf } from '../../wire/target-uri.ts';
import type { Transport } from '../transport.ts';
import { createConnectors } from './connectors.ts';
import { type ProxyOption, proxyOption } from './proxy.ts';
import { sendOver } from './send-over.ts';
import { isUnknownIssuer, type TlsChoice, type TlsOptions, tlsOption } from './tls.ts';

/** Options of `createNodeTransport`. */
export interface NodeTransportOptions {
  /** TLS settings for all hosts, or a function that returns those of one host. */
  readonly tls?: TlsOptions | TlsChoice | undefined;
  /**
   * Returns PEM certificates of additional trusted authorities. Called once, when a server's certificate comes from an
   * unknown authority.
   */
  readonly moreAuthorities?: (() => Promise<readonly string[]>) | undefined;
  /** The proxy to use. Default: the proxy in HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. */
  readonly proxy?: ProxyOption | undefined;
  /**
   * Milliseconds until a connection, TLS included, must be established.
   * @defaultValue 30000
   */
  readonly connectWithin?: number | undefined;
  /**
   * Resolves host names.
   * @defaultValue the lookup of the system
   */
  readonly lookup?: LookupFunction | undefined;
}

const shape: Shape<NodeTransportOptions> = {
  tls: tlsOption,
  moreAuthorities: callback,
  proxy: proxyOption,
  connectWithin: amount,
  lookup: callback,
};

/**
 * Creates a transport for HTTP/1.1 on `node:net` and `node:tls`. It keeps connections alive, transfers raw bytes both ways, and
 * has no redirects and no cookies.
 *
 * A request may meet a kept connection that the server has meanwhile closed, or answered with a 408 or other bytes. The
 * transport then sends it once more on a new connection, unless the server may have processed it. Interim answers (1xx)
 * are skipped. A request with `sentBy` reaches no address that is nearer to this machine than the server that named the
 * address.
 * @throws NO_CONNECTION, TIMED_OUT (no connection in time), CUT_OFF, UNEXPECTED_STATUS (101), SIZE_INVALID (a body
 * unlike its announced length), REDIRECT_REFUSED, INVALID_OPTION (certificates), any error of the body's source, or the
 * signal's reason, each from `send`.
 */
export function createNodeTransport(options: NodeTransportOptions = {}): Transport {
  checkOptions('createNodeTransport', options, shape);
  const { connectWithin = 30_000, moreAuthorities } = options;
  const connectors = createConnectors({ ...options, connectWithin });

  const send: Send = async (request) => {
    request.signal?.throwIfAborted();
    const target = targetOf(request);
    const { signal } = request;
    const connector = await connectors.to(request, target);
    signal?.throwIfAborted();
    try {
      return await sendOver(connector, { request, target, connectWithin });
    } catch (error) {
      if (moreAuthorities === undefined || !isUnknownIssuer(error)) throw error;
      await connectors.trust(moreAuthorities, signal);
      const wider = await connectors.to(request, target);
      if (wider === connector) throw error;
      return await sendOver(wider, { request, target, connectWithin });
    }
  };

  return {
    send,
    async preconnect(url, requests) {
      // The requests themselves will meet and report the same failure.
      const connector = await connectors.to({}, parseTargetUri(url)).catch(() => undefined);
      // Requests that are being sent now get their connections first.
      await new Promise(setImmediate);
      connector?.pool.announce(requests);
      // The first packets must leave before the caller continues with slow work.
      await new Promise(setImmediate);
    },
    async close(): Promise<void> {
      connectors.close();
    },
  };
}
