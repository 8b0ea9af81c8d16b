import { InputError } from '../../errors.ts';
import { isLoopback } from '../../spec/reference.ts';
import { parseUrl } from '../../spec/url.ts';
import { headerLines } from '../../wire/headers.ts';
import type { HttpRequest } from '../../wire/message.ts';

/**
 * Returns the origin under which the client reaches the registry, such as `https://registry.example`, or undefined. The
 * headers of a request only select one of the names from the configuration.
 */
export type OriginOf = (request: HttpRequest) => string | undefined;

/** Throws INVALID_OPTION for a public URL that is not an http or https origin without a path. */
export function createOriginOf(publicUrl: string | undefined): OriginOf {
  const own = publicUrl === undefined ? undefined : parsePublicUrl(publicUrl);
  return (request) => {
    const host = hostOf(request);
    const listener = request.arrival === undefined ? undefined : new URL(request.arrival.listener);
    const asked = host === undefined || listener === undefined ? undefined : at(listener.protocol, host);
    if (asked === undefined || listener === undefined || asked.host === own?.host) return own?.origin;
    // A listener on all addresses has no name of its own. On this machine the loopback names are right.
    const isOurs = asked.host === listener.host && !isEverywhere(listener.hostname);
    const isLocal =
      asked.port === listener.port &&
      isLoopback(asked.hostname) &&
      (isLoopback(listener.hostname) || isEverywhere(listener.hostname));
    return isOurs || isLocal ? asked.origin : own?.origin;
  };
}

/** Returns the Host header if exactly one exists. */
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

function parsePublicUrl(text: string): URL {
  const url = parseUrl(text);
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url;
  throw new InputError(
    'INVALID_OPTION',
    `"${text.replace(/\/\/[^/]*@/, '//')}" is not the address of a registry, as in https://registry.example`,
  );
}
