import { createAuthorize } from '../auth/authorize.ts';
import type { Engine } from '../daemon/engine.ts';
import { TransportError } from '../errors.ts';
import { createHosts, type Host, type RegistryName } from '../hosts/hosts.ts';
import { ownHeaders } from '../hosts/own-headers.ts';
import { createLine, type LineOptions } from '../http/line.ts';
import type { Keychain } from '../keychain/credential.ts';
import { createKeychain } from '../keychain/keychain.ts';
import { createRootMemory, type RootMemory } from '../remote/known-roots.ts';
import { openRegistry, type RemoteRegistry } from '../remote/registry.ts';
import { askedInPlain } from '../remote/registry-line.ts';
import { processResources, type Resources } from '../remote/resources.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import type { Reference } from '../spec/reference.ts';
import type { Intent, Repository } from '../store/contract.ts';
import type { Middleware, Send } from '../wire/message.ts';
import { createSecrets, type Secrets } from '../wire/secrets.ts';
import { targetOf } from '../wire/target-uri.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { lineOptions, openTransport } from './lines.ts';
import type { StandardStreams } from './standard.ts';

/** The name of a repository with its registry. */
export type RepositoryName = RegistryName & Pick<Reference, 'repository'>;

/** The registries of one client. Each has one line, so tokens, limits and connections are shared. */
export interface Connections extends AsyncDisposable {
  /**
   * Opens the repository of a reference; every verb that needs one does it here. `upload` precedes the client's own
   * upload options.
   * @throws NAME_INVALID for a malformed name
   */
  repository(reference: RepositoryName, intent: Intent, upload?: UploadOptions): Repository;
  /** Opens a registry as a whole: its catalog, or as the upstream of another place. */
  registry(name: RegistryName): RemoteRegistry;
  /** The client's upload options. */
  readonly upload: UploadOptions;
  /**
   * Announces this many requests to a registry. Resolves when the connections are on their way.
   */
  preconnect(name: RegistryName, requests: number): Promise<void>;
  /** Reports a problem of a registry or of a place on disk that ends nothing. */
  warn(about: string, text: string): void;
  /** The streams behind `-`. */
  readonly standard: StandardStreams | undefined;
  /**
   * Finds the docker daemon, once. Sends nothing.
   * @throws INVALID_OPTION or UNSUPPORTED when the address cannot be used
   */
  daemon(): Promise<Engine>;
  /** The parts of a registry's line, for requests that are no operations of a place. */
  line(name: RegistryName): Line;
}

/** The parts of a registry's line. */
export interface Line {
  /** The registry's root, without a slash at its end. */
  readonly base: string;
  readonly authorize: Middleware;
  /** As `authorize`, for another keychain and with its own tokens; token requests pass `watch`. */
  readonly authorizeWith: (keychain: Keychain, watch?: Middleware) => Middleware;
  /** Without credentials. */
  readonly bare: Send;
}

/** One registry of a client, opened. */
interface Opened {
  readonly roots: RootMemory;
  readonly line: Line;
  readonly registry: RemoteRegistry;
}

/**
 * Creates the connections of one client. Nothing is sent. Clients with the same `resources` share their limits.
 * @throws INVALID_REFERENCE when `insecure` lists a text that names no registry
 */
export function createConnections(
  options: ConnectionOptions = {},
  resources: Resources = processResources,
): Connections {
  const { keychain = createKeychain(), retry = {} } = options;
  const upload = { ...options.upload, retry: retry.uploads };
  const download = { retry: retry.downloads };
  const hosts = createHosts(options);
  const transport = openTransport(options, hosts);
  let isClosed = false;
  const unlessClosed: Middleware = (next) => async (request) => {
    if (isClosed) throw closedError(targetOf(request).host);
    return next(request);
  };
  const common = lineOptions(options, { transport: transport.send, hosts, resources });
  const opened = new Map<Host, Opened>();
  const warnAbout = (host: string, text: string): void => {
    options.onWire?.({ kind: 'warning', host, text });
    options.onWarning?.({ host, text });
  };
  const open = (name: RegistryName): Opened => {
    const host = hosts.of(name);
    const known = opened.get(host);
    if (known !== undefined) return known;
    const warn = (text: string): void => warnAbout(host.registry, text);
    const { base, registry, loginAdvice, isPlain } = host;
    const home = { ...common, home: base, secrets: createSecrets(Object.values(host.headers)) };
    const line = openLine(host, home, warn);
    const authorize = line.authorizeWith(isPlain ? askedInPlain(keychain) : keychain);
    const send = unlessClosed(createLine({ ...home, authorize }));
    const preconnect = (requests: number): void => void transport.preconnect?.(base, requests);
    const remote = { base, registry, send, loginAdvice, preconnect, onWarning: warn, upload, download };
    const roots = createRootMemory({ place: base, notes: options.rootNotes });
    const parts = {
      roots,
      line: { ...line, bare: unlessClosed(line.bare), authorize },
      registry: openRegistry(remote, resources, { roots, bandwidth: common.bandwidth }),
    };
    opened.set(host, parts);
    return parts;
  };

  let daemon: Promise<Engine> | undefined;
  return {
    daemon() {
      if (isClosed) throw closedError('the docker daemon');
      daemon ??= openDaemonOf(options);
      return daemon;
    },
    repository: (reference, intent, own) =>
      open(reference).registry.repository(reference.repository, intent, own),
    registry: (name) => open(name).registry,
    upload,
    line: (name) => open(name).line,
    warn: warnAbout,
    standard: options.standard,
    // The registry's line is made while the connections are on their way.
    async preconnect(name, requests) {
      if (!isClosed) await transport.preconnect?.(hosts.of(name).base, requests);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      const engine = await daemon?.catch(() => undefined);
      await Promise.all([
        transport.close(),
        engine?.[Symbol.asyncDispose](),
        ...[...opened.values()].map(({ roots }) => roots.keep()),
      ]);
    },
  };
}

async function openDaemonOf({
  daemonHost: host,
  userAgent,
  onWire,
  timeouts,
}: ConnectionOptions): Promise<Engine> {
  const { openEngine } = await import('../daemon/engine.ts');
  const { connect: connectWithin, answer, clock } = timeouts ?? {};
  return openEngine({ host, userAgent, onWire, connectWithin, answer, clock });
}

function closedError(host: string): TransportError {
  return new TransportError(
    'NO_CONNECTION',
    `${host}: this client is closed, so it sends no more requests: make a new one`,
  );
}

/** Makes the line of one registry, with the user's headers, up to the choice of a keychain. */
function openLine(
  { registry, base, headers, trustedRealms }: Host,
  home: LineOptions & { readonly secrets: Secrets },
  warn: (text: string) => void,
): Omit<Line, 'authorize'> {
  const tokenLine = createLine({ ...home, redirects: false });
  const own = ownHeaders(headers, base);
  return {
    base,
    bare: createLine(home),
    authorizeWith(keychain, watch) {
      const send = watch === undefined ? tokenLine : watch(tokenLine);
      const login = { registry, origin: base, keychain, trustedRealms, secrets: home.secrets };
      const proving = createAuthorize({ ...login, send, warn });
      return (next) => own(proving(next));
    },
  };
}
