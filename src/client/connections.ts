import { createAuthorize } from '../auth/authorize.ts';
import type { RetryOptions } from '../http/backoff.ts';
import type { WireObserver } from '../http/event.ts';
import { createLine, type LineOptions } from '../http/line.ts';
import { plainFallback } from '../http/plain-fallback.ts';
import type { ProxyOption } from '../http/proxy.ts';
import { secureFallback } from '../http/secure-fallback.ts';
import { throttle } from '../http/throttle.ts';
import type { TimeoutOptions } from '../http/timeout.ts';
import type { TlsChoice, TlsOptions } from '../http/tls.ts';
import { createNodeTransport, type Transport } from '../http/transport.ts';
import { userAgent } from '../http/user-agent.ts';
import type { Keychain } from '../keychain/credential.ts';
import { createKeychain } from '../keychain/keychain.ts';
import type { DownloadOptions } from '../remote/exchange.ts';
import { createRemoteRegistry, type RemoteRegistry } from '../remote/registry.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import { apiHost, isLoopback, parseRegistry, type Reference } from '../spec/reference.ts';
import type { Middleware, Send } from '../wire/message.ts';
import { certificatesOf, machineAuthorities } from './certificates.ts';
import { ownHeaders } from './own-headers.ts';
import type { StandardStreams } from './standard.ts';

export interface ConnectionOptions {
  /** Who to be where. Default: docker's config file and credential helpers, as `createKeychain()` reads them. */
  readonly keychain?: Keychain;
  /**
   * What sends the requests. Default: `node:http(s)` with connections kept alive. A `fetch` fits through `fetchTransport`.
   * With one of your own, `tls`, `proxy` and the time to connect are its affair, and so is where names lead.
   */
  readonly transport?: Transport | Send;
  /**
   * Beside what docker's and containers' `certs.d` folders hold and the machine trusts: authorities for every host, a client
   * certificate for the registries that are named. A function takes the place of `certs.d`, for each host.
   */
  readonly tls?: TlsOptions | TlsChoice;
  /** Default: what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY say. */
  readonly proxy?: ProxyOption;
  /** Headers for a registry, by its name. They go to nobody else. */
  readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Hosts of token services that may be shown credentials, besides those of the registry's own domain. */
  readonly trustedRealms?: readonly string[];
  /** For requests that may be repeated as they are. Default: 3 attempts, 1 s tripling. */
  readonly retry?: RetryOptions | undefined;
  /** How blobs are sent, and how patiently. */
  readonly upload?: UploadOptions;
  /** How patiently answers are read. */
  readonly download?: DownloadOptions;
  readonly timeouts?: ConnectionTimeouts;
  /** Default `gantry`. */
  readonly userAgent?: string;
  /** These registries, or all that are named, may speak plain HTTP or show any certificate; not whom they send us to. */
  readonly insecure?: boolean | readonly string[];
  /** Told of every request, answer, retry and warning, with secrets redacted. */
  readonly onWire?: WireObserver;
  /** What `-` is read from and written to as the path of an archive. Default: `-` is INVALID_OPTION. */
  readonly standard?: StandardStreams | undefined;
}

export interface ConnectionTimeouts extends TimeoutOptions {
  /** Milliseconds until a connection, TLS included, must stand. Default 30 s. */
  readonly connect?: number;
}

/** The registries that one client talks to: each has one line, so tokens, pace and connections are shared. */
export interface Connections extends AsyncDisposable {
  registry(name: Pick<Reference, 'registry' | 'scheme'>): RemoteRegistry;
  /** A hint: so many requests are about to go to this registry. Settled when connections are on their way. */
  preconnect(name: Pick<Reference, 'registry' | 'scheme'>, requests: number): Promise<void>;
  /** Tells the user of something that is wrong with a registry or a place on disk, and stops nothing. */
  warn(about: string, text: string): void;
  readonly standard: StandardStreams | undefined;
  /** The parts of a registry's line, for what is no operation of a place. */
  line(name: Pick<Reference, 'registry' | 'scheme'>): Line;
}

export interface Line {
  /** The registry's root, without a slash at its end. */
  readonly base: string;
  readonly authorize: Middleware;
  /** As `authorize`, for another keychain and with tokens of its own; token requests pass `watch`. */
  readonly authorizeWith: (keychain: Keychain, watch: Middleware) => Middleware;
  /** Without credentials. */
  readonly bare: Send;
}

/** One for the whole process, so that a host's limits hold for all clients in it. A transport of one's own has its own hosts. */
const commonThrottle = throttle();

export function createConnections(options: ConnectionOptions = {}): Connections {
  const keychain = options.keychain ?? createKeychain();
  const hosts = knownHosts(options.insecure ?? false);
  const transport = openTransport(options, hosts);
  const common = lineOptions(options, transport.send, hosts);
  const { upload, download } = options;
  const transfer = {
    ...(upload === undefined ? {} : { upload }),
    ...(download === undefined ? {} : { download }),
  };
  const registries = new Map<string, { readonly line: Line; readonly registry: RemoteRegistry }>();

  const baseOf = ({ registry, scheme }: Pick<Reference, 'registry' | 'scheme'>): string => {
    const base = `${scheme ?? (isLoopback(registry) ? 'http' : 'https')}://${apiHost(registry)}`;
    if (!registries.has(base)) hosts.name(base);
    if (scheme === undefined && isLoopback(registry)) hosts.open(base);
    return base;
  };
  const warnAbout = (host: string, text: string): void => options.onWire?.({ kind: 'warning', host, text });
  const open = (name: Pick<Reference, 'registry' | 'scheme'>) => {
    const { registry } = name;
    const base = baseOf(name);
    const known = registries.get(base);
    if (known !== undefined) return known;
    const home = { ...common, home: base };
    const tokenLine = createLine({ ...home, redirects: false });
    const { trustedRealms } = options;
    const warn = (text: string): void => warnAbout(registry, text);
    const isPlain = base.startsWith('http:') && !isLoopback(registry) && !hosts.isInsecure(hostOf(base));
    const own = ownHeaders(isPlain ? {} : (options.headers?.[registry] ?? {}), base);
    const authorizeWith = (chain: Keychain, watch?: Middleware): Middleware => {
      const send = watch === undefined ? tokenLine : watch(tokenLine);
      const proving = createAuthorize({ registry, origin: base, keychain: chain, send, trustedRealms, warn });
      return (next) => own(proving(next));
    };
    const authorize = authorizeWith(isPlain ? askedInPlain(keychain) : keychain);
    const opened = {
      line: { base, authorize, authorizeWith, bare: createLine(home) },
      registry: createRemoteRegistry({
        base,
        registry,
        send: createLine({ ...home, authorize }),
        loginAdvice: loginAdvice(registry, isPlain),
        preconnect: (requests) => void transport.preconnect?.(base, requests),
        warn,
        ...transfer,
      }),
    };
    registries.set(base, opened);
    return opened;
  };

  return {
    registry: (name) => open(name).registry,
    line: (name) => open(name).line,
    warn: warnAbout,
    standard: options.standard,
    // Its line is made while they come.
    preconnect: async (name, requests) => transport.preconnect?.(baseOf(name), requests),
    async [Symbol.asyncDispose]() {
      await transport.close();
    },
  };
}

/**
 * For a registry that a reference alone says to speak plain HTTP with: no login that was given over TLS goes there, and none of
 * the headers that may hold secrets.
 */
function askedInPlain(keychain: Keychain): Keychain {
  return (registry, repository, question) => keychain(registry, repository, { ...question, plain: true });
}

function loginAdvice(registry: string, isPlain: boolean): string {
  return isPlain
    ? `a login that is stored for ${registry} is not sent over http://, which is not encrypted: leave out "http://", or allow it with "--insecure-registry ${registry}"`
    : `log in with "gantry auth login ${registry}"`;
}

/** Which hosts were named by the user, and which of these may be insecure. */
interface Hosts {
  readonly name: (base: string) => void;
  /** Nothing says whether this machine's registry speaks TLS. */
  readonly open: (base: string) => void;
  readonly isOpen: (host: string) => boolean;
  readonly isNamed: (host: string) => boolean;
  readonly isInsecure: (host: string) => boolean;
}

/** Throws INVALID_REFERENCE for what is no registry's name. */
function knownHosts(insecure: boolean | readonly string[]): Hosts {
  const named = new Set<string>();
  const unsaid = new Set<string>();
  const listed = new Set(
    typeof insecure === 'boolean'
      ? []
      : insecure.map((name) => hostOf(`https://${apiHost(parseRegistry(name).registry)}`)),
  );
  return {
    name: (base) => {
      named.add(hostOf(base));
    },
    open: (base) => {
      unsaid.add(hostOf(base));
    },
    isOpen: (host) => unsaid.has(host),
    isNamed: (host) => named.has(host),
    isInsecure: (host) => (insecure === true ? named : listed).has(host),
  };
}

function hostOf(base: string): string {
  return new URL(base).host;
}

/** What all lines of a client have in common. */
function lineOptions(
  options: ConnectionOptions,
  transport: Send,
  { isInsecure, isOpen }: Hosts,
): LineOptions {
  const { onWire, retry, timeouts } = options;
  const named = plainFallback(isInsecure)(userAgent(options.userAgent ?? 'gantry')(transport));
  const hasCertificates = async (host: string): Promise<boolean> => {
    return typeof options.tls !== 'function' && Object.keys(await certificatesOf(host)).length > 0;
  };
  return {
    // A transport of one's own may be no network.
    transport: options.transport === undefined ? secureFallback({ isOpen, hasCertificates })(named) : named,
    throttle: options.transport === undefined ? commonThrottle : throttle(),
    ...(onWire === undefined ? {} : { observe: onWire }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeouts === undefined ? {} : { timeouts }),
  };
}

function openTransport(options: ConnectionOptions, hosts: Hosts): Transport {
  const { transport, proxy, timeouts } = options;
  if (typeof transport === 'function') return { send: transport, close: async () => {} };
  return (
    transport ??
    createNodeTransport({
      tls: tlsFor(options, hosts),
      moreAuthorities: () => machineAuthorities(),
      ...(proxy === undefined ? {} : { proxy }),
      ...(timeouts?.connect === undefined ? {} : { connectWithin: timeouts.connect }),
    })
  );
}

/** A client certificate says who we are, so it is shown only where the user sent us. */
function tlsFor({ tls = {} }: ConnectionOptions, { isNamed, isInsecure }: Hosts): TlsChoice {
  return async (host) => {
    const loose = isInsecure(host) ? { rejectUnauthorized: false } : {};
    if (typeof tls === 'function') return { ...(await tls(host)), ...loose };
    const found = await certificatesOf(host);
    const { ca = [], ...own } = tls;
    const authorities = [...[ca].flat(), ...[found.ca ?? []].flat()];
    return { ...found, ...(isNamed(host) ? own : {}), ca: authorities, ...loose };
  };
}
