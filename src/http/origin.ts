import { TransportError } from '../errors.ts';
import { resolveLocation } from '../wire/location.ts';
import type { HttpRequest } from '../wire/message.ts';
import { redactUrl } from '../wire/redact.ts';
import { mayReach, privacyOf } from './privacy.ts';

/** Scheme, host and port of a URL in one spelling: what credentials belong to. */
export function originOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/**
 * An address out of an answer (Location, Link, realm), absolute and otherwise byte for byte as it was written. A proxy
 * that ends TLS makes registries write `http:` for their own host: that is read as `https:`.
 * Throws REDIRECT_REFUSED if it is no http or https address, or carries user and password.
 */
export function resolveHop(from: string, to: string): string {
  const written = resolveLocation(to, from);
  const target = URL.canParse(written) ? new URL(written) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol))
    throw refused(from, to, 'it is not http or https');
  if (target.username !== '' || target.password !== '')
    throw refused(from, to, 'it carries a user and password');
  const source = new URL(from);
  const behindProxy =
    source.protocol === 'https:' &&
    target.protocol === 'http:' &&
    target.hostname === source.hostname &&
    (target.port === '' || target.port === source.port);
  return behindProxy ? written.replace(/^http:(\/\/[^/?#]*?)(:80)?(?=[/?#]|$)/i, 'https:$1') : written;
}

/**
 * Throws REDIRECT_REFUSED unless an answer from `from` may send us to `to`: never from https to http, never to a more
 * private place than the one that sends us (the cloud's metadata service, our own machine, our own network), `home`'s
 * own host excepted. Names are judged when they are looked up: see `sentBy`.
 */
export function checkHop(from: string, to: string, { home }: { readonly home: string }): void {
  const source = new URL(from);
  const target = new URL(to);
  if (source.protocol === 'https:' && target.protocol === 'http:') throw refused(from, to, 'it leaves https');
  if (target.host === new URL(home).host) return;
  const reach = privacyOf(target.hostname);
  if (!mayReach(privacyOf(source.hostname), reach)) throw refused(from, to, `its host is a ${reach} address`);
}

/**
 * A request whose address an answer from `from` named, unless it is `home`'s own host: what its name resolves to is held
 * to the same policy by the transport.
 */
export function sentBy(request: HttpRequest, from: string, { home }: { readonly home: string }): HttpRequest {
  const { sentBy: _, ...rest } = request;
  return new URL(request.url).host === new URL(home).host ? rest : { ...rest, sentBy: from };
}

function refused(from: string, to: string, why: string): TransportError {
  return new TransportError(
    'REDIRECT_REFUSED',
    `${new URL(from).host} sends us to ${redactUrl(to)}: refused, ${why}`,
  );
}
