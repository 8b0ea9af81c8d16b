import { headerLines } from '../wire/headers.ts';
import type { HeaderMap } from '../wire/message.ts';
import { errorAnswer } from '../wire/reply.ts';
import type { Serve } from './exchange.ts';
import { createKnownNames, type NameOptions, nameOf } from './host-header.ts';

/**
 * Refuses with 403 a request that a browser marks as coming from the page of another origin. A page can send a POST, a
 * form, an image's GET or a WebSocket's upgrade without asking first, to a registry on loopback or with the password that
 * the browser has kept. Reads are refused too: a cache would fetch for them, and a page can tell a 404 from a 200.
 */
export function withOrigins(next: Serve, options: NameOptions = {}): Serve {
  const isKnown = createKnownNames(options);
  const { hosts = [] } = options;
  const named = new Set(hosts.map(nameOf));
  // Where nobody logs in, a page that let its own name lead here has the origin that it asks.
  const isOwnName = (name: string): boolean => next.guarded === true || isKnown(name);

  const isForeign = (headers: HeaderMap): boolean => {
    const origins = headerLines(headers, 'origin').map(hostOfOrigin);
    if (origins.length > 0 && origins.every((origin) => named.has(nameOf(origin)))) return false;
    // `none`: the user has typed the address.
    const sites = headerLines(headers, 'sec-fetch-site');
    if (!sites.every((site) => /^(?:same-origin|none)$/i.test(site.trim()))) return true;
    const asked = headerLines(headers, 'host').map(withoutUsualPort);
    return !origins.every((origin) => asked.every((host) => host === origin) && isOwnName(nameOf(origin)));
  };

  const serve: Serve = async (request) => {
    if (!isForeign(request.headers)) return next(request);
    const message =
      'a web page of another origin sent this request, and the registry serves none: ' +
      'use a client that is no browser, or start the registry with --host-name and the host of the page';
    return errorAnswer('DENIED', message);
  };
  return next.guarded === undefined ? serve : Object.assign(serve, { guarded: next.guarded });
}

/** Host and port of an origin as a Host header has them; empty for `null` and for every scheme but HTTP. */
function hostOfOrigin(origin: string): string {
  return withoutUsualPort(/^https?:\/\/([^/]+)$/i.exec(origin.trim())?.[1] ?? '');
}

/** A proxy that speaks TLS may add the port or leave it out. */
function withoutUsualPort(host: string): string {
  return host
    .trim()
    .toLowerCase()
    .replace(/:(?:80|443)$/, '');
}
