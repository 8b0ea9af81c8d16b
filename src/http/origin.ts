import { BlockList, isIP } from 'node:net';
import { TransportError } from '../errors.ts';
import { resolveLocation } from '../wire/location.ts';
import { redactUrl } from '../wire/redact.ts';

/** Scheme, host and port of a URL in one spelling: what credentials belong to. */
export function originOf(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

/**
 * An address out of an answer (Location, Link, realm), absolute and otherwise byte for byte as it was written. A proxy
 * that ends TLS makes registries write `http:` for their own host: that is read as `https:`.
 * Throws REDIRECT_REFUSED if it is no http or https address, or carries user and password.
 */
export function resolveHop(from: string, to: string): string {
  const written = resolveLocation(to, from);
  const target = URL.canParse(written) ? new URL(written) : undefined;
  if (target === undefined || !/^https?:$/.test(target.protocol))
    throw refused(from, to, 'it is not http or https');
  if (target.username !== '' || target.password !== '')
    throw refused(from, to, 'it carries a user and password');
  const source = new URL(from);
  const behindProxy =
    source.protocol === 'https:' &&
    target.protocol === 'http:' &&
    target.hostname === source.hostname &&
    (target.port === '' || target.port === source.port);
  return behindProxy ? written.replace(/^http:(\/\/[^/?#]*?)(:80)?(?=[/?#]|$)/i, 'https:$1') : written;
}

/**
 * Throws REDIRECT_REFUSED unless an answer from `from` may send us to `to`: never from https to http, never to a more
 * private place than the one that sends us (the cloud's metadata service, our own machine, our own network), `home`'s
 * own host excepted. Names are not looked up: only addresses and `localhost` can be judged.
 */
export function checkHop(from: string, to: string, { home }: { readonly home: string }): void {
  const source = new URL(from);
  const target = new URL(to);
  if (source.protocol === 'https:' && target.protocol === 'http:') throw refused(from, to, 'it leaves https');
  if (target.host === new URL(home).host) return;
  const reach = privacyOf(target.hostname);
  if (reach === 'link-local' || ranks[reach] > ranks[privacyOf(source.hostname)]) {
    throw refused(from, to, `its host is a ${reach} address`);
  }
}

/** Whether a token service may be given the credentials of a registry: same host, or same owner as far as the names tell. */
export function isSameSite(one: string, other: string): boolean {
  const a = new URL(one).hostname;
  const b = new URL(other).hostname;
  if (a === b) return true;
  if (isIP(bare(a)) !== 0 || isIP(bare(b)) !== 0) return false;
  const site = siteOf(a);
  return site !== undefined && site === siteOf(b);
}

/**
 * The last two labels, or three below what looks like `co.uk`. A guess on the safe side: the list of public suffixes
 * (tldts) takes its place when every realm has to be judged.
 */
function siteOf(hostname: string): string | undefined {
  const labels = hostname.replace(/\.$/, '').split('.');
  const second = labels.at(-2) ?? '';
  const count = second.length <= 3 && labels.at(-1)?.length === 2 ? 3 : 2;
  return labels.length < count || labels.length < 2 ? undefined : labels.slice(-count).join('.');
}

type Privacy = 'public' | 'private' | 'loopback' | 'link-local';
const ranks: Readonly<Record<Privacy, number>> = { public: 0, private: 1, loopback: 2, 'link-local': 3 };

const networks: readonly (readonly [Privacy, BlockList])[] = [
  ['loopback', blockList(['127.0.0.0', 8], ['0.0.0.0', 8], ['::1', 128], ['::', 128])],
  ['link-local', blockList(['169.254.0.0', 16], ['fe80::', 10])],
  [
    'private',
    blockList(
      ['10.0.0.0', 8],
      ['172.16.0.0', 12],
      ['192.168.0.0', 16],
      ['100.64.0.0', 10],
      ['fc00::', 7],
      ['64:ff9b::', 96],
    ),
  ],
];

function blockList(...subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets)
    list.addSubnet(network, prefix, isIP(network) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

/** How close to us an address is. `URL` has already turned `127.1` and `0x7f000001` into their usual form. */
function privacyOf(hostname: string): Privacy {
  const address = bare(hostname).replace(/\.$/, '');
  if (/(^|\.)localhost$/i.test(address)) return 'loopback';
  const family = isIP(address);
  if (family === 0) return 'public';
  const found = networks.find(([, list]) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'));
  return found?.[0] ?? 'public';
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function refused(from: string, to: string, why: string): TransportError {
  return new TransportError(
    'REDIRECT_REFUSED',
    `${new URL(from).host} sends us to ${redactUrl(to)}: refused, ${why}`,
  );
}
