import { InputError } from '../../errors.ts';
import { isLoopback } from '../../spec/reference.ts';
import { headerLines } from '../../wire/headers.ts';
import type { HttpRequest } from '../../wire/message.ts';

/** By which names a registry is spoken to. What a request says of itself only chooses among them. */
export interface Hosts {
  /** The origin that the client reaches the registry by, if it is known: `https://registry.example`. */
  originOf(request: HttpRequest): string | undefined;
  /** Whether the request was meant for a registry on this very machine, and not led here by a page in a browser. */
  isMeantForLoopback(request: HttpRequest): boolean;
}

/** Throws INVALID_OPTION for a public URL that is no bare origin of HTTP. */
export function createHosts(publicUrl: string | undefined): Hosts {
  const own = publicUrl === undefined ? undefined : parsePublicUrl(publicUrl);
  return {
    originOf(request) {
      const { arrival } = request;
      const host = hostOf(request);
      const listener = arrival === undefined ? undefined : new URL(arrival.listener);
      const asked = host === undefined || listener === undefined ? undefined : at(listener.protocol, host);
      if (asked === undefined || listener === undefined || asked.host === own?.host) return own?.origin;
      // What listens everywhere has no name of its own, but on the machine itself the loopback's are right.
      const isOurs = asked.host === listener.host && !isEverywhere(listener.hostname);
      return isOurs || (asked.port === listener.port && isLocal(asked.hostname, listener.hostname))
        ? asked.origin
        : own?.origin;
    },
    isMeantForLoopback(request) {
      const { arrival } = request;
      const lines = headerLines(request.headers, 'host');
      // Browsers always send one.
      if (arrival === undefined || lines.length === 0) return true;
      const listener = new URL(arrival.listener);
      if (!isLoopback(listener.hostname)) return true;
      const host = hostOf(request);
      const asked = host === undefined ? undefined : at(listener.protocol, host);
      if (asked === undefined) return false;
      return asked.host === own?.host || asked.host === listener.host || isUnowned(asked.hostname);
    },
  };
}

/** The Host, if it is one and only one. */
function hostOf({ headers }: HttpRequest): string | undefined {
  const [host, ...more] = headerLines(headers, 'host');
  return more.length === 0 ? host : undefined;
}

function at(protocol: string, host: string): URL | undefined {
  if (!/^(?:[\w.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host)) return undefined;
  try {
    return new URL(`${protocol}//${host}`);
  } catch {
    return undefined;
  }
}

function isEverywhere(hostname: string): boolean {
  return hostname === '0.0.0.0' || hostname === '[::]';
}

function isLocal(asked: string, listener: string): boolean {
  return isLoopback(asked) && (isLoopback(listener) || isEverywhere(listener));
}

/**
 * Whether nobody can own the name and point it here: an address, localhost, a name without a dot (a container's), and
 * what is reserved for inside (`host.docker.internal`) and for tests. Any other may belong to a page that a browser here has open.
 */
function isUnowned(hostname: string): boolean {
  return (
    isLoopback(hostname) ||
    hostname.startsWith('[') ||
    /^[\d.]+$/.test(hostname) ||
    !hostname.includes('.') ||
    /\.(?:internal|test)$/.test(hostname)
  );
}

function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url;
  throw new InputError(
    'INVALID_OPTION',
    `"${text.replace(/\/\/[^/]*@/, '//')}" is not the address of a registry, as in https://registry.example`,
  );
}
