import { TransportError } from '../errors.ts';
import { parseUrl } from '../spec/url.ts';
import { resolveLocation } from '../wire/location.ts';
import type { HttpRequest, TargetUri } from '../wire/message.ts';
import { holdsSecret, redactUrl, redactWords } from '../wire/redact.ts';
import { parseTargetUri, targetOf } from '../wire/target-uri.ts';
import { addressClassOf, mayReach } from './address-class.ts';

/** Returns scheme, host and port in one spelling. Credentials belong to an origin. */
export function originOf(url: string | TargetUri): string {
  const { secure, host } = parsed(url);
  return `${secure ? 'https' : 'http'}://${host}`;
}

/** Secrets that a refusal must not show. The sender of an address may have put them into it. */
interface Hidden {
  readonly secrets?: readonly string[] | undefined;
}

/**
 * Resolves an address from an answer (Location, Link, realm) to an absolute URL; all other bytes stay as written.
 * Behind a proxy that ends TLS, registries write `http:` for their own host: this function reads it as `https:`. Throws
 * REDIRECT_REFUSED for an address that is not http or https, or that contains a user or a password.
 */
export function resolveHop(from: string, to: string, hidden: Hidden = {}): string {
  const written = resolveLocation(to, from);
  const target = parseUrl(written);
  if (target === undefined || !/^https?:$/.test(target.protocol))
    throw refused(from, to, { why: 'it is not http or https', ...hidden });
  if (target.username !== '' || target.password !== '')
    throw refused(from, to, { why: 'it contains a user or a password', ...hidden });
  if (target.protocol === 'https:' || !parseTargetUri(from).secure) return written;
  const source = new URL(from);
  const behindProxy =
    target.hostname === source.hostname && (target.port === '' || target.port === source.port);
  return behindProxy ? written.replace(/^http:(\/\/[^/?#]*?)(:80)?(?=[/?#]|$)/i, 'https:$1') : written;
}

/**
 * Throws REDIRECT_REFUSED unless an answer from `from` may refer to `to`. An answer must not lead from https to http,
 * to a more private address class than its sender's (the cloud's metadata service, this machine, the local network), or
 * to a host name that repeats a secret. `home`'s own host is always allowed. The transport checks the addresses that a
 * name resolves to: see `sentBy`.
 */
export function checkHop(
  from: string,
  to: string,
  { home, ...hidden }: Hidden & { readonly home: string | TargetUri },
): void {
  const source = parseTargetUri(from);
  const target = parseTargetUri(to);
  if (source.secure && !target.secure) {
    throw refused(from, to, { why: 'it leads from https to http', ...hidden });
  }
  const own = parsed(home);
  if (target.host === own.host) return;
  // A lookup of such a name would show the secret to every name server on the way, and its failure would show it to
  // every reader of the message. A secret that the registry's own name contains is exposed anyway.
  const { secrets = [] } = hidden;
  if (secrets.some((text) => holdsSecret(target.hostname, [text]) && !holdsSecret(own.hostname, [text]))) {
    throw refused(from, to, { why: 'its host name contains a secret', ...hidden });
  }
  const reach = addressClassOf(target.hostname);
  if (!mayReach(addressClassOf(source.hostname), reach)) {
    throw refused(from, to, { why: `its host is a ${reach} address`, ...hidden });
  }
}

/**
 * Marks a request with an address from an answer of `from`, unless it goes to `home`'s own host. The transport then
 * applies the same policy to the addresses that the name resolves to.
 */
export function sentBy(
  request: HttpRequest,
  from: string,
  { home }: { readonly home: TargetUri },
): HttpRequest {
  const { sentBy: _, ...rest } = request;
  return targetOf(request).host === home.host ? rest : { ...rest, sentBy: from };
}

function parsed(url: string | TargetUri): TargetUri {
  return typeof url === 'string' ? parseTargetUri(url) : url;
}

function refused(
  from: string,
  to: string,
  { why, secrets = [] }: Hidden & { readonly why: string },
): TransportError {
  const shown = redactWords(redactUrl(to), secrets);
  return new TransportError(
    'REDIRECT_REFUSED',
    `${new URL(from).host} refers to ${shown}: refused, because ${why}`,
  );
}
