import type { RequestOptions } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { InputError } from '../errors.ts';
import { addressClassOf } from './address-class.ts';
import { parseTarget, type Target } from './target.ts';

/** Who carries our requests to others. */
export interface ProxyServer {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Without user and password: what errors call it. */
  readonly host: string;
  /** The Proxy-Authorization that it is shown, and nobody else. */
  readonly authorization?: string;
}

/** Which proxy to go through for a URL; undefined is none. */
export type ProxyChoice = (url: string) => ProxyServer | undefined;

/**
 * `false` is no proxy; a URL is for all but this machine itself; a function has the last word on each request's URL and
 * answers with a proxy's URL or nothing.
 */
export type ProxyOption = false | string | ((url: string) => string | undefined);

/** Throws INVALID_OPTION for a URL that is none of a proxy. */
export function proxyChoice(option: ProxyOption | undefined, env: Environment = process.env): ProxyChoice {
  if (option === undefined) return proxyFromEnvironment(env);
  if (option === false) return () => undefined;
  if (typeof option === 'function') {
    return (url) => {
      const given = option(url);
      return given === undefined ? undefined : parseProxy(given);
    };
  }
  const proxy = parseProxy(option);
  return (url) => (addressClassOf(parseTarget(url).hostname) === 'loopback' ? undefined : proxy);
}

/** The process's environment, or what stands in for it. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * As the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say, in small letters or capitals. Never for this very
 * machine. In a CGI program HTTP_PROXY is left alone: there it is a header of whoever asks.
 * @see https://httpoxy.org/
 */
function proxyFromEnvironment(env: Environment): ProxyChoice {
  const variable = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  const http = env['http_proxy'] || (env['REQUEST_METHOD'] ? undefined : env['HTTP_PROXY']);
  const byScheme = {
    plain: http || variable('ALL_PROXY'),
    secure: variable('HTTPS_PROXY') ?? variable('ALL_PROXY'),
  };
  const isExempt = parseNoProxy(variable('NO_PROXY') ?? '');
  return (url) => {
    const target = parseTarget(url);
    const given = target.secure ? byScheme.secure : byScheme.plain;
    if (given === undefined || addressClassOf(target.hostname) === 'loopback' || isExempt(target))
      return undefined;
    return parseProxy(given);
  };
}

/** Reads `http://user:password@host:port`, `https://…`, or a bare `host:port`. Throws INVALID_OPTION, without the password. */
export function parseProxy(text: string): ProxyServer {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === '') {
    const scheme = parsed === undefined ? 'it is not a URL' : `${parsed.protocol}// is not known`;
    throw new InputError('INVALID_OPTION', `a proxy is an http or https URL: ${scheme}`);
  }
  const { username, password } = parsed;
  const { secure, hostname, host, port } = parseTarget(`${parsed.protocol}//${parsed.host}`);
  const shown = `${decoded(username)}:${decoded(password)}`;
  return {
    secure,
    hostname,
    host,
    port,
    ...(username === '' && password === ''
      ? {}
      : { authorization: `Basic ${Buffer.from(shown).toString('base64')}` }),
  };
}

/** What of a request's options goes to a proxy rather than to the far side. */
export function proxyAddress({ hostname, port }: ProxyServer): RequestOptions {
  // The name would else be taken from the Host header, which is the far side's.
  return { hostname, port, servername: isIP(hostname) === 0 ? hostname : '' };
}

export function proxyHeaders({ authorization }: ProxyServer): Readonly<Record<string, string>> {
  return authorization === undefined ? {} : { 'proxy-authorization': authorization };
}

/** A stray `%` in a password is meant as it stands. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped;
    }
  });
}

/**
 * Whom NO_PROXY names: `*`, addresses, networks (`10.0.0.0/8`), names with all below them (`example.com`), only what is
 * below them (`.example.com`, `*.example.com`); each but networks with a port, if only that is meant.
 */
function parseNoProxy(text: string): (target: Target) => boolean {
  const entries = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map((entry) => exemption(entry.toLowerCase()));
  return (target) => entries.some((matches) => matches(target));
}

function exemption(entry: string): (target: Target) => boolean {
  if (entry === '*') return () => true;
  const network = /^\[?([0-9a-f:.]+)\]?\/(\d{1,3})$/.exec(entry);
  if (network !== null) return inNetwork(network[1] ?? '', Number(network[2]));
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  const name = (bracketed ?? plain).replace(/^\*(?=\.)/, '').replace(/(?<=.)\.$/, '');
  const isHere = (target: Target): boolean => port === undefined || Number(port) === target.port;
  if (isIP(name) !== 0) {
    const isSame = inNetwork(name, isIP(name) === 6 ? 128 : 32);
    return (target) => isHere(target) && isSame(target);
  }
  return (target) => {
    const hostname = target.hostname.replace(/\.$/, '');
    const below = name.startsWith('.') ? name : `.${name}`;
    return (
      name !== '' && isIP(hostname) === 0 && isHere(target) && (hostname === name || hostname.endsWith(below))
    );
  };
}

function inNetwork(address: string, prefix: number): (target: Target) => boolean {
  const family = isIP(address);
  if (family === 0 || prefix > (family === 6 ? 128 : 32)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return ({ hostname }) =>
    isIP(hostname) !== 0 && list.check(hostname, isIP(hostname) === 6 ? 'ipv6' : 'ipv4');
}
