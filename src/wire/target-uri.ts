import { TransportError } from '../errors.ts';
import { parseUrl } from '../spec/url.ts';
import type { HttpRequest, TargetUri } from './message.ts';
import { redactUrl } from './redact.ts';

/**
 * Splits an absolute URL without changing its path and query: `URL` would resolve `..` and escape bytes that a signed
 * Location must keep. Takes the path from `URL` only when it cannot stand in a request line. Throws NO_CONNECTION for a
 * URL that is not http or https.
 */
export function parseTargetUri(url: string): TargetUri {
  const parsed = parseUrl(url);
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new TransportError('NO_CONNECTION', `can't send to "${redactUrl(url)}": not an http or https URL`);
  }
  const { protocol, hostname, host, port } = parsed;
  const secure = protocol === 'https:';
  // A URL in a form that only `URL` understands does not match, and takes its path from there.
  const [, raw = ''] = /^https?:\/\/[^/?#\\]*([^#]*)/i.exec(url) ?? [];
  const path = isSendable(raw) ? raw : `${parsed.pathname}${parsed.search}`;
  return {
    url,
    secure,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    host,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    path: path.startsWith('/') ? path : `/${path}`,
  };
}

/**
 * Returns the target URI of a request, and parses it only if no step before has done so. A step that changes `url` and
 * keeps the rest of the request leaves a target behind that no longer belongs to it.
 */
export function targetOf({ url, target }: Pick<HttpRequest, 'url' | 'target'>): TargetUri {
  return target?.url === url ? target : parseTargetUri(url);
}

function isSendable(path: string): boolean {
  return /^[/?][\x21\x24-\x5b\x5d-\x7e]*$/.test(path);
}
