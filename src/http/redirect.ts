import { TransportError } from '../errors.ts';
import { headerValue } from '../wire/headers.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import { parseTargetUri, targetOf } from '../wire/target-uri.ts';
import { drainBody } from './drain.ts';
import { checkHop, originOf, resolveHop, sentBy } from './origin.ts';

export interface RedirectOptions {
  /** Sends a request that has left its first origin, even if it returns there. This pipeline adds no credentials. */
  readonly foreign: Send;
}

const maxHops = 10;

/** The only headers that another origin receives: no credentials, no cookie, no configured header. */
const neutralHeaders = new Set([
  'accept',
  'accept-encoding',
  'content-length',
  'content-range',
  'content-type',
  'if-none-match',
  'if-range',
  'range',
  'user-agent',
]);

/**
 * Follows redirects of GET and HEAD, and 307 and 308 of other methods when the body can be sent again; those of DELETE
 * only within its origin. Every other redirect is returned as the answer. Throws REDIRECT_REFUSED for a hop that the
 * origin policy forbids, and for the 11th hop.
 */
export function redirect({ foreign }: RedirectOptions): Middleware {
  return (next) => async (request) => {
    let send = next;
    let hop = request;
    const home = targetOf(request);
    for (let hops = 0; ; hops++) {
      const response = await send(hop);
      const location = followable(hop, response);
      if (location === undefined) return { url: hop.url, ...response };
      const { secrets } = hop;
      const url = resolveHop(hop.url, location, { secrets });
      const target = parseTargetUri(url);
      const leaves = originOf(target) !== originOf(home);
      if (leaves && hop.method === 'DELETE') return { url: hop.url, ...response };
      await drainBody(response.body);
      if (hops === maxHops) {
        throw new TransportError('REDIRECT_REFUSED', `${home.host} redirected more than ${maxHops} times`);
      }
      checkHop(hop.url, url, { home, secrets });
      if (leaves && send !== foreign) {
        send = foreign;
        hop = { ...hop, headers: neutral(hop.headers) };
      }
      hop = sentBy({ ...hop, url, target }, hop.url, { home });
    }
  };
}

/** Returns the Location of a redirect that can be followed. */
function followable(request: HttpRequest, { status, headers }: HttpResponse): string | undefined {
  const follows = isRead(request)
    ? [301, 302, 303, 307, 308].includes(status)
    : [307, 308].includes(status) && (request.body === undefined || request.body.replayable);
  return follows ? headerValue(headers, 'location') : undefined;
}

function isRead({ method }: HttpRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function neutral(headers: HeaderMap): HeaderMap {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => neutralHeaders.has(name.toLowerCase())),
  );
}
