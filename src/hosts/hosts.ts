import type { TlsChoice, TlsOptions } from '../http/node/tls.ts';
import { given } from '../spec/options.ts';
import { apiHost, isLoopback, parseRegistry, type Reference } from '../spec/reference.ts';
import { certificatesOf } from './certificates.ts';

/** Settings for single registries, as the user gives them for all. */
export interface HostSettings {
  /**
   * Authorities for every host, and a client certificate for the named registries. They add to the `certs.d` folders of
   * docker and containers and to the authorities that the machine trusts. A function replaces `certs.d` for each host.
   */
  readonly tls?: TlsOptions | TlsChoice | undefined;
  /** Headers for a registry, by its name. gantry sends them to no other host. */
  readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  /** Hosts of token services that may receive credentials, besides those of the registry's own domain. */
  readonly trustedRealms?: readonly string[] | undefined;
  /**
   * Registries that may speak plain HTTP or show any certificate; `true` means all registries that are named. Hosts that
   * such a registry redirects to are not included.
   * @defaultValue `false`
   */
  readonly insecure?: boolean | readonly string[] | undefined;
}

/** The name of a registry, with a scheme if the user wrote one. */
export type RegistryName = Pick<Reference, 'registry' | 'scheme'>;

/** Everything that gantry knows about one registry before the first request to it. */
export interface Host {
  /** The name, as in references. */
  readonly registry: string;
  /** The root of its API, without a slash at the end. */
  readonly base: string;
  /** Headers for every request to its origin. */
  readonly headers: Readonly<Record<string, string>>;
  /** Hosts of token services that may receive its credentials. */
  readonly trustedRealms: readonly string[] | undefined;
  /**
   * Whether only the reference asks for plain HTTP. Then no login and no header that the user gave for TLS goes there.
   */
  readonly isPlain: boolean;
  /** The way to log in, for the message of a 401. */
  readonly loginAdvice: string;
}

/** The registries of one client, and the facts about hosts that the HTTP pipeline asks for. */
export interface Hosts {
  /** Returns the value of a registry, and remembers that the user named it. */
  readonly of: (name: RegistryName) => Host;
  /** The TLS settings of any host. */
  readonly tls: TlsChoice;
  /** Returns whether a host may speak plain HTTP or show any certificate. */
  readonly isInsecure: (host: string) => boolean;
  /** Returns whether plain HTTP to this machine is only the default, because no reference gave a scheme. */
  readonly isOpen: (host: string) => boolean;
  /** Resolves with whether a `certs.d` folder holds certificates for a host. */
  readonly hasCertificates: (host: string) => Promise<boolean>;
}

/**
 * Creates the registries of one client.
 * @throws INVALID_REFERENCE when `insecure` lists a text that names no registry
 */
export function createHosts(options: HostSettings = {}): Hosts {
  const { insecure = false, headers, trustedRealms, tls } = options;
  const known = new Map<string, Host>();
  const named = new Set<string>();
  const open = new Set<string>();
  const listed = new Set(
    typeof insecure === 'boolean'
      ? []
      : insecure.map((text) => hostOf(`https://${apiHost(parseRegistry(text).registry)}`)),
  );
  const isInsecure = (host: string): boolean => (insecure === true ? named : listed).has(host);
  const hostFor = (registry: string, base: string): Host => {
    named.add(hostOf(base));
    const isPlain = base.startsWith('http:') && !isLoopback(registry) && !isInsecure(hostOf(base));
    return {
      registry,
      base,
      headers: isPlain ? {} : (headers?.[registry] ?? {}),
      trustedRealms,
      isPlain,
      loginAdvice: loginAdvice(registry, isPlain),
    };
  };
  return {
    of({ registry, scheme }) {
      const isLocal = isLoopback(registry);
      const base = `${scheme ?? (isLocal ? 'http' : 'https')}://${apiHost(registry)}`;
      if (scheme === undefined && isLocal) open.add(hostOf(base));
      const host = known.get(base) ?? hostFor(registry, base);
      known.set(base, host);
      return host;
    },
    tls: tlsFor(tls ?? {}, { isNamed: (host) => named.has(host), isInsecure }),
    isInsecure,
    isOpen: (host) => open.has(host),
    hasCertificates: async (host) =>
      typeof tls !== 'function' && Object.keys(await certificatesOf(host)).length > 0,
  };
}

function hostOf(base: string): string {
  return new URL(base).host;
}

function loginAdvice(registry: string, isPlain: boolean): string {
  return isPlain
    ? `a login that is stored for ${registry} is not sent over http://, which is not encrypted: leave out "http://", or allow it with "--insecure-registry ${registry}"`
    : `log in with "gantry auth login ${registry}"`;
}

interface Naming {
  readonly isNamed: (host: string) => boolean;
  readonly isInsecure: (host: string) => boolean;
}

/** A client certificate identifies the user, so only registries that the user named see it. */
function tlsFor(tls: TlsOptions | TlsChoice, { isNamed, isInsecure }: Naming): TlsChoice {
  return async (host) => {
    const loose = isInsecure(host) ? { rejectUnauthorized: false } : {};
    if (typeof tls === 'function') return { ...(await tls(host)), ...loose };
    const found = await certificatesOf(host);
    const { ca = [], ...own } = tls;
    const authorities = [...[ca].flat(), ...[found.ca ?? []].flat()];
    return { ...found, ...(isNamed(host) ? given(own) : {}), ca: authorities, ...loose };
  };
}
