import type { Engine } from '../daemon/engine.ts';
import { TransportError } from '../errors.ts';
import { createHosts, type RegistryName } from '../hosts/hosts.ts';
import { createKeychain } from '../keychain/keychain.ts';
import type { RemoteRegistry } from '../remote/registry.ts';
import { processResources, type Resources } from '../remote/resources.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import type { Reference } from '../spec/reference.ts';
import type { Intent, Repository } from '../store/contract.ts';
import { Lru } from '../store/lru.ts';
import type { Middleware } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import type { ConnectionOptions } from './connection-options.ts';
import type { DocumentMemory } from './documents.ts';
import { lineOptions, openTransport } from './lines.ts';
import { createRegistries, type Line } from './registries.ts';
import type { StandardStreams } from './standard.ts';

/** In bytes: those of some hundred images. */
const documentLimit = 4 * 1024 * 1024;

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
  /** The manifests and configs that builds have read and made, by their digests. */
  readonly documents: DocumentMemory;
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

/**
 * Creates the connections of one client. Nothing is sent. Clients with the same `resources` share their limits.
 * @throws INVALID_REFERENCE when `insecure` lists a text that names no registry
 */
export function createConnections(
  options: ConnectionOptions = {},
  resources: Resources = processResources,
): Connections {
  const { keychain = createKeychain(), retry = {}, rootNotes } = options;
  const upload = { ...options.upload, retry: retry.uploads };
  const hosts = createHosts(options);
  const transport = openTransport(options, hosts);
  let isClosed = false;
  const unlessClosed: Middleware = (next) => async (request) => {
    if (isClosed) throw closedError(targetOf(request).host);
    return next(request);
  };
  const warn: Connections['warn'] = (host, text) => {
    options.onWire?.({ kind: 'warning', host, text });
    options.onWarning?.({ host, text });
  };
  const registries = createRegistries(hosts, {
    line: lineOptions(options, { transport: transport.send, hosts, resources }),
    keychain,
    upload,
    download: { retry: retry.downloads },
    rootNotes,
    resources,
    unlessClosed,
    transport,
    warn,
  });
  let daemon: Promise<Engine> | undefined;
  return {
    daemon() {
      if (isClosed) throw closedError('the docker daemon');
      daemon ??= openDaemonOf(options);
      return daemon;
    },
    repository: (reference, intent, own) =>
      registries.of(reference).registry.repository(reference.repository, intent, own),
    registry: (name) => registries.of(name).registry,
    documents: new Lru(documentLimit),
    upload,
    line: (name) => registries.of(name).line,
    warn,
    standard: options.standard,
    // The registry's line is made while the connections are on their way.
    async preconnect(name, requests) {
      if (!isClosed) await transport.preconnect?.(hosts.of(name).base, requests);
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      const engine = await daemon?.catch(() => undefined);
      await Promise.all([transport.close(), engine?.[Symbol.asyncDispose](), registries.keep()]);
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
