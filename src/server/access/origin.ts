import { InputError } from '../../errors.ts';
import { isLoopback } from '../../spec/reference.ts';
import { headerLines } from '../../wire/headers.ts';
import type { HttpRequest } from '../../wire/message.ts';

/**
 * The origin that the client reaches the registry by, if it is known: `https://registry.example`. What a request says of
 * itself only chooses among the names that are ours by the way we were started.
 */
export type OriginOf = (request: HttpRequest) => string | undefined;

/** Throws INVALID_OPTION for a public URL that is no bare origin of HTTP. */
export function createOriginOf(publicUrl: string | undefined): OriginOf {
  const own = publicUrl === undefined ? undefined : parsePublicUrl(publicUrl);
  return (request) => {
    const host = hostOf(request);
    const listener = request.arrival === undefined ? undefined : new URL(request.arrival.listener);
    const asked = host === undefined || listener === undefined ? undefined : at(listener.protocol, host);
    if (asked === undefined || listener === undefined || asked.host === own?.host) return own?.origin;
    // What listens everywhere has no name of its own, but on the machine itself the loopback's are right.
    const isOurs = asked.host === listener.host && !isEverywhere(listener.hostname);
    const isLocal =
      asked.port === listener.port &&
      isLoopback(asked.hostname) &&
      (isLoopback(listener.hostname) || isEverywhere(listener.hostname));
    return isOurs || isLocal ? asked.origin : own?.origin;
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

function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url;
  throw new InputError(
    'INVALID_OPTION',
    `"${text.replace(/\/\/[^/]*@/, '//')}" is not the address of a registry, as in https://registry.example`,
  );
}
