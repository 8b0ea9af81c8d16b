import { BlockList, isIP } from 'node:net';
import { InputError } from '../../errors.ts';
import { type Check, callback, either, oneOf, text } from '../../spec/options.ts';
import { parseUrl } from '../../spec/url.ts';
import type { HeaderMap, TargetUri } from '../../wire/message.ts';
import { parseTargetUri } from '../../wire/target-uri.ts';
import { addressClassOf } from '../address-class.ts';

/** The proxy that carries requests to other hosts. */
export interface ProxyServer {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
  /** Host and port, without user and password, for error messages. */
  readonly host: string;
  /** The Proxy-Authorization header, sent to the proxy only. */
  readonly authorization?: string;
}

/** Returns the proxy for a URL, or undefined for a direct connection. */
export type ProxyChoice = (url: string) => ProxyServer | undefined;

/**
 * Selects the proxy: `false` uses none; a URL applies to every host except this machine; a function decides for each
 * request's URL and returns the URL of a proxy, or undefined for none.
 */
export type ProxyOption = false | string | ((url: string) => string | undefined);

/** Checks a proxy option from plain JavaScript. */
export const proxyOption: Check = either('a URL, false or a function', text, callback, oneOf(false));

/**
 * Returns the choice that the option describes; without an option, the environment decides. Throws INVALID_OPTION for
 * an invalid proxy URL.
 */
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
  return (url) => (addressClassOf(parseTargetUri(url).hostname) === 'loopback' ? undefined : proxy);
}

/** The environment of the process, or a test's replacement. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Follows the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in lower or upper case. Never uses a proxy for
 * this machine. Ignores the upper-case HTTP_PROXY in a CGI program, where it contains a header of the incoming request.
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
    const target = parseTargetUri(url);
    const given = target.secure ? byScheme.secure : byScheme.plain;
    if (given === undefined || addressClassOf(target.hostname) === 'loopback' || isExempt(target))
      return undefined;
    return parseProxy(given);
  };
}

/**
 * Parses `http://user:password@host:port`, `https://…`, or a bare `host:port`. Throws INVALID_OPTION, without the
 * password in the message.
 */
export function parseProxy(text: string): ProxyServer {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const parsed = parseUrl(url);
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.hostname === '') {
    const scheme = parsed === undefined ? 'it is not a URL' : `${parsed.protocol}// is not known`;
    throw new InputError('INVALID_OPTION', `a proxy must be an http or https URL: ${scheme}`);
  }
  const { username, password } = parsed;
  const { secure, hostname, host, port } = parseTargetUri(`${parsed.protocol}//${parsed.host}`);
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

export function proxyHeaders({ authorization }: ProxyServer): HeaderMap {
  return authorization === undefined ? {} : { 'proxy-authorization': [authorization] };
}

/** Keeps a `%` that begins no valid escape, as in an unescaped password. */
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
 * Parses NO_PROXY: `*`, addresses, networks (`10.0.0.0/8`), names with all their subdomains (`example.com`), and
 * subdomains only (`.example.com`, `*.example.com`). All except networks may end with a port, which limits them to that
 * port.
 */
function parseNoProxy(text: string): (target: TargetUri) => boolean {
  const entries = text
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map((entry) => exemption(entry.toLowerCase()));
  return (target) => entries.some((matches) => matches(target));
}

function exemption(entry: string): (target: TargetUri) => boolean {
  if (entry === '*') return () => true;
  const network = /^\[?([0-9a-f:.]+)\]?\/(\d{1,3})$/.exec(entry);
  if (network !== null) return inNetwork(network[1] ?? '', Number(network[2]));
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  const name = (bracketed ?? plain).replace(/^\*(?=\.)/, '').replace(/(?<=.)\.$/, '');
  const isHere = (target: TargetUri): boolean => port === undefined || Number(port) === target.port;
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

function inNetwork(address: string, prefix: number): (target: TargetUri) => boolean {
  const family = isIP(address);
  if (family === 0 || prefix > (family === 6 ? 128 : 32)) return () => false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return ({ hostname }) =>
    isIP(hostname) !== 0 && list.check(hostname, isIP(hostname) === 6 ? 'ipv6' : 'ipv4');
}
