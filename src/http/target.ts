import { TransportError } from '../errors.ts';
import { redactUrl } from '../wire/redact.ts';

/** Where a request goes, and what its request line says. */
export interface Target {
  readonly secure: boolean;
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string;
  /** With the port, unless it is the scheme's own: what errors and limits call the far side. */
  readonly host: string;
  readonly port: number;
  /** Path and query, byte for byte as they were given. */
  readonly path: string;
}

/**
 * Takes an absolute URL apart without rewriting its path and query: `URL` would fold `..` and escape what a signed
 * Location must keep. Only a path that can't stand in a request line is taken from `URL`.
 * Throws NO_CONNECTION if it is not an http or https URL.
 */
export function parseTarget(url: string): Target {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new TransportError('NO_CONNECTION', `can't send to "${redactUrl(url)}": not an http or https URL`);
  }
  const secure = parsed.protocol === 'https:';
  const raw = /^https?:\/\/[^/?#\\]*([^#]*)/i.exec(url)?.[1] ?? '';
  const path = /^[/?][\x21\x24-\x5b\x5d-\x7e]*$/.test(raw) ? raw : `${parsed.pathname}${parsed.search}`;
  return {
    secure,
    hostname: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    host: parsed.host,
    port: parsed.port === '' ? (secure ? 443 : 80) : Number(parsed.port),
    path: path.startsWith('/') ? path : `/${path}`,
  };
}
