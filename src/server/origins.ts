import { callback, checkArgument, checkOptions } from '../spec/options.ts';
import { headerLines } from '../wire/headers.ts';
import type { HeaderMap } from '../wire/message.ts';
import { errorAnswer } from '../wire/reply.ts';
import type { Serve } from './exchange.ts';
import { createKnownNames, type NameOptions, nameOf, nameOptions } from './host-header.ts';

/**
 * Refuses with 403 each request that a browser marks as coming from a page of another origin. A page can send a POST, a
 * form, the GET of an image or the upgrade of a WebSocket without a preflight, to a registry on loopback or with the
 * password that the browser remembers. Reads are refused, too: a cache would fetch content for them, and a page can
 * distinguish a 404 from a 200.
 */
export function withOrigins(next: Serve, options: NameOptions = {}): Serve {
  checkArgument('withOrigins', 'next', next, callback);
  checkOptions('withOrigins', options, nameOptions);
  const isKnown = createKnownNames(options);
  const { hosts = [] } = options;
  const named = new Set(hosts.map(nameOf));
  // Without a login, the origin of a page equals the requested host when the page has made its own name resolve to this
  // machine.
  const isOwnName = (name: string): boolean => next.guarded === true || isKnown(name);

  const isForeign = (headers: HeaderMap): boolean => {
    const origins = headerLines(headers, 'origin').map(hostOfOrigin);
    if (origins.length > 0 && origins.every((origin) => named.has(nameOf(origin)))) return false;
    // `none`: the user has entered the address.
    const sites = headerLines(headers, 'sec-fetch-site');
    if (!sites.every((site) => /^(?:same-origin|none)$/i.test(site.trim()))) return true;
    const asked = headerLines(headers, 'host').map(withoutUsualPort);
    return !origins.every((origin) => asked.every((host) => host === origin) && isOwnName(nameOf(origin)));
  };

  const serve: Serve = async (request) => {
    if (!isForeign(request.headers)) return next(request);
    const message =
      'a web page of another origin sent this request, and the registry accepts no such requests: ' +
      'use a client that is not a browser, or start the registry with --host-name and the host of the page';
    return errorAnswer('DENIED', message);
  };
  return next.guarded === undefined ? serve : Object.assign(serve, { guarded: next.guarded });
}

/**
 * Returns host and port of an origin in the form of a Host header, or an empty string for `null` and for other schemes
 * than HTTP.
 */
function hostOfOrigin(origin: string): string {
  return withoutUsualPort(/^https?:\/\/([^/]+)$/i.exec(origin.trim())?.[1] ?? '');
}

/** A proxy that ends TLS may add or remove the port. */
function withoutUsualPort(host: string): string {
  return host
    .trim()
    .toLowerCase()
    .replace(/:(?:80|443)$/, '');
}
