import { createAuthorize } from '../auth/authorize.ts';
import type { RetryOptions } from '../http/backoff.ts';
import type { WireObserver } from '../http/event.ts';
import { createLine, type LineOptions } from '../http/line.ts';
import { pace } from '../http/pace.ts';
import { plainFallback } from '../http/plain-fallback.ts';
import type { TimeoutOptions } from '../http/timeout.ts';
import { createNodeTransport, type Transport } from '../http/transport.ts';
import { userAgent } from '../http/user-agent.ts';
import type { Keychain } from '../keychain/credential.ts';
import { createKeychain } from '../keychain/keychain.ts';
import type { DownloadOptions } from '../remote/exchange.ts';
import { createRemoteRegistry, type RemoteRegistry } from '../remote/registry.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import { apiHost, isLoopback, type Reference } from '../spec/reference.ts';
import type { Middleware, Send } from '../wire/message.ts';

export interface ConnectionOptions {
  /** Who to be where. Default: docker's config file and credential helpers, as `createKeychain()` reads them. */
  readonly keychain?: Keychain;
  /** What sends the requests. Default: `node:http(s)` with connections kept alive. A `fetch` fits through `fetchTransport`. */
  readonly transport?: Transport | Send;
  /** For requests that may be repeated as they are. Default: 3 attempts, 1 s tripling. */
  readonly retry?: RetryOptions | undefined;
  /** How blobs are sent, and how patiently. */
  readonly upload?: UploadOptions;
  /** How patiently answers are read. */
  readonly download?: DownloadOptions;
  readonly timeouts?: TimeoutOptions;
  /** Default `gantry`. */
  readonly userAgent?: string;
  /** Every registry may speak plain HTTP or show any certificate. */
  readonly insecure?: boolean;
  /** Told of every request, answer, retry and warning, with secrets redacted. */
  readonly onWire?: WireObserver;
}

/** The registries that one client talks to: each has one line, so tokens, pace and connections are shared. */
export interface Connections extends AsyncDisposable {
  registry(name: Pick<Reference, 'registry' | 'scheme'>): RemoteRegistry;
  /** The parts of a registry's line, for what is no operation of a place. */
  line(name: Pick<Reference, 'registry' | 'scheme'>): Line;
}

export interface Line {
  /** The registry's root, without a slash at its end. */
  readonly base: string;
  readonly authorize: Middleware;
  /** Without credentials. */
  readonly bare: Send;
}

export function createConnections(options: ConnectionOptions = {}): Connections {
  const keychain = options.keychain ?? createKeychain();
  const transport = openTransport(options);
  const common = lineOptions(options, transport.send);
  const bare = createLine(common);
  const tokenLine = createLine({ ...common, redirects: false });
  const { upload, download } = options;
  const transfer = {
    ...(upload === undefined ? {} : { upload }),
    ...(download === undefined ? {} : { download }),
  };
  const registries = new Map<string, { readonly line: Line; readonly registry: RemoteRegistry }>();

  const open = ({ registry, scheme }: Pick<Reference, 'registry' | 'scheme'>) => {
    const base = `${scheme ?? (isLoopback(registry) ? 'http' : 'https')}://${apiHost(registry)}`;
    const known = registries.get(base);
    if (known !== undefined) return known;
    const authorize = createAuthorize({ registry, origin: base, keychain, send: tokenLine });
    const send = createLine({ ...common, authorize });
    const opened = {
      line: { base, authorize, bare },
      registry: createRemoteRegistry({ base, registry, send, ...transfer }),
    };
    registries.set(base, opened);
    return opened;
  };

  return {
    registry: (name) => open(name).registry,
    line: (name) => open(name).line,
    async [Symbol.asyncDispose]() {
      await transport.close();
    },
  };
}

/** What all lines of a client have in common; the pace is one, so that a host's limits hold for all of them. */
function lineOptions(options: ConnectionOptions, transport: Send): LineOptions {
  const { insecure = false, onWire, retry, timeouts } = options;
  const named = userAgent(options.userAgent ?? 'gantry')(transport);
  return {
    transport: insecure ? plainFallback()(named) : named,
    pace: pace(),
    ...(onWire === undefined ? {} : { observe: onWire }),
    ...(retry === undefined ? {} : { retry }),
    ...(timeouts === undefined ? {} : { timeouts }),
  };
}

function openTransport({ transport, insecure = false }: ConnectionOptions): Transport {
  if (typeof transport === 'function') return { send: transport, close: async () => {} };
  return transport ?? createNodeTransport(insecure ? { tls: { rejectUnauthorized: false } } : {});
}
