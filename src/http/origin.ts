import { TransportError } from '../errors.ts';
import { resolveLocation } from '../wire/location.ts';
import type { HttpRequest } from '../wire/message.ts';
import { holdsSecret, redactUrl, redactWords } from '../wire/redact.ts';
import { addressClassOf, mayReach } from './address-class.ts';
import { parseTarget } from './target.ts';

/** Scheme, host and port of a URL in one spelling: what credentials belong to. */
export function originOf(url: string): string {
  const { secure, host } = parseTarget(url);
  return `${secure ? 'https' : 'http'}://${host}`;
}

/** What a refusal must not show: who sends us may have put it into the address. */
interface Hidden {
  readonly secrets?: readonly string[] | undefined;
}

/**
 * An address out of an answer (Location, Link, realm), absolute and otherwise byte for byte as it was written. A proxy
 * that ends TLS makes registries write `http:` for their own host: that is read as `https:`.
 * Throws REDIRECT_REFUSED if it is no http or https address, or carries user and password.
 */
export function resolveHop(from: string, to: string, hidden: Hidden = {}): string {
  const written = resolveLocation(to, from);
  const target = URL.canParse(written) ? new URL(written) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol))
    throw refused(from, to, { why: 'it is not http or https', ...hidden });
  if (target.username !== '' || target.password !== '')
    throw refused(from, to, { why: 'it carries a user and password', ...hidden });
  if (target.protocol === 'https:' || !parseTarget(from).secure) return written;
  const source = new URL(from);
  const behindProxy =
    target.hostname === source.hostname && (target.port === '' || target.port === source.port);
  return behindProxy ? written.replace(/^http:(\/\/[^/?#]*?)(:80)?(?=[/?#]|$)/i, 'https:$1') : written;
}

/**
 * Throws REDIRECT_REFUSED unless an answer from `from` may send us to `to`: never from https to http, never to a more
 * private place than the one that sends us (the cloud's metadata service, our own machine, our own network), nor to a host
 * whose name repeats a secret, `home`'s own host excepted. What names lead to is judged when they are looked up: see `sentBy`.
 */
export function checkHop(
  from: string,
  to: string,
  { home, ...hidden }: Hidden & { readonly home: string },
): void {
  const source = parseTarget(from);
  const target = parseTarget(to);
  if (source.secure && !target.secure) {
    throw refused(from, to, { why: 'it leaves https', ...hidden });
  }
  const own = parseTarget(home);
  if (target.host === own.host) return;
  // Looking it up would tell the secret to every name server on the way, and a failure to whoever reads of it. What the
  // registry's own name holds is told to them anyway.
  const { secrets = [] } = hidden;
  if (secrets.some((text) => holdsSecret(target.hostname, [text]) && !holdsSecret(own.hostname, [text]))) {
    throw refused(from, to, { why: "its host's name holds a secret of ours", ...hidden });
  }
  const reach = addressClassOf(target.hostname);
  if (!mayReach(addressClassOf(source.hostname), reach)) {
    throw refused(from, to, { why: `its host is a ${reach} address`, ...hidden });
  }
}

/**
 * A request whose address an answer from `from` named, unless it is `home`'s own host: what its name resolves to is held
 * to the same policy by the transport.
 */
export function sentBy(request: HttpRequest, from: string, { home }: { readonly home: string }): HttpRequest {
  const { sentBy: _, ...rest } = request;
  return parseTarget(request.url).host === parseTarget(home).host ? rest : { ...rest, sentBy: from };
}

function refused(
  from: string,
  to: string,
  { why, secrets = [] }: Hidden & { readonly why: string },
): TransportError {
  const shown = redactWords(redactUrl(to), secrets);
  return new TransportError(
    'REDIRECT_REFUSED',
    `${new URL(from).host} sends us to ${shown}: refused, ${why}`,
  );
}
