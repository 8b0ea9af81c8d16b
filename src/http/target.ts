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

/** What stands before the path. */
type Server = Omit<Target, 'path'>;

/** Of the servers that were met: a process has few of them and many requests, and taking a URL apart costs. */
const met = new Map<string, Server>();
/** Whoever sends us to ever new hosts can't fill the memory. */
const maxMet = 1000;

/**
 * Takes an absolute URL apart without rewriting its path and query: `URL` would fold `..` and escape what a signed
 * Location must keep. Only a path that can't stand in a request line is taken from `URL`.
 * Throws NO_CONNECTION if it is not an http or https URL.
 */
export function parseTarget(url: string): Target {
  const slash = url.indexOf('/', 'https://'.length);
  const known = slash === -1 ? undefined : met.get(url.slice(0, slash));
  if (known !== undefined) {
    const path = url.slice(slash);
    if (isSendable(path)) return { ...known, path };
  }
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) {
    throw new TransportError('NO_CONNECTION', `can't send to "${redactUrl(url)}": not an http or https URL`);
  }
  const server = serverOf(parsed);
  const [, before, raw = ''] = /^(https?:\/\/[^/?#\\]*)([^#]*)/i.exec(url) ?? [];
  // What has no `before` is written in a way that only URL understands; what has a password is not kept.
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
