import { TransportError } from '../errors.ts';
import { parseUrl } from '../spec/url.ts';
import { redactUrl } from '../wire/redact.ts';

/** The server and the request target of a URL. */
export interface Target {
  readonly secure: boolean;
  /** The host name, without the brackets of an IPv6 address. */
  readonly hostname: string;
  /** Host and port; the default port of the scheme is left out. Error messages and limits use this name. */
  readonly host: string;
  readonly port: number;
  /** Path and query, byte for byte as given. */
  readonly path: string;
}

/** All parts before the path. */
type Server = Omit<Target, 'path'>;

/** Parsed servers by URL prefix: a process talks to few servers with many requests, and parsing a URL is slow. */
const met = new Map<string, Server>();
/** Limits the memory, since a registry can redirect to new hosts without end. */
const maxMet = 1000;

/**
 * Splits an absolute URL without changing its path and query: `URL` would resolve `..` and escape bytes that a signed
 * Location must keep. Takes the path from `URL` only when it cannot stand in a request line. Throws NO_CONNECTION for a
 * URL that is not http or https.
 */
export function parseTarget(url: string): Target {
  const slash = url.indexOf('/', 'https://'.length);
  const known = slash === -1 ? undefined : met.get(url.slice(0, slash));
  if (known !== undefined) {
    const path = url.slice(slash);
    if (isSendable(path)) return { ...known, path };
  }
  const parsed = parseUrl(url);
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new TransportError('NO_CONNECTION', `can't send to "${redactUrl(url)}": not an http or https URL`);
  }
  const server = serverOf(parsed);
  const [, before, raw = ''] = /^(https?:\/\/[^/?#\\]*)([^#]*)/i.exec(url) ?? [];
  // A URL without `before` is written in a form that only `URL` understands. A prefix with a password is not kept.
  if (before !== undefined && !before.includes('@') && met.size < maxMet) met.set(before, server);
  const path = isSendable(raw) ? raw : `${parsed.pathname}${parsed.search}`;
  return { ...server, path: path.startsWith('/') ? path : `/${path}` };
}

function serverOf({ protocol, hostname, host, port }: URL): Server {
  const secure = protocol === 'https:';
  return {
    secure,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    host,
    port: port === '' ? (secure ? 443 : 80) : Number(port),
  };
}

function isSendable(path: string): boolean {
  return /^[/?][\x21\x24-\x5b\x5d-\x7e]*$/.test(path);
}
