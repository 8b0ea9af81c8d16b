import { createAuthorize } from '../auth/authorize.ts';
import type { Host, Hosts, RegistryName } from '../hosts/hosts.ts';
import { ownHeaders } from '../hosts/own-headers.ts';
import { createLine, type LineOptions } from '../http/line.ts';
import type { Transport } from '../http/transport.ts';
import type { Keychain } from '../keychain/credential.ts';
import type { DownloadOptions } from '../remote/exchange.ts';
import { createRootMemory, type RootMemory } from '../remote/known-roots.ts';
import { openRegistry, type RemoteRegistry } from '../remote/registry.ts';
import { askedInPlain } from '../remote/registry-line.ts';
import type { Resources } from '../remote/resources.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import type { RootNotes } from '../store/known-roots.ts';
import type { Middleware, Send } from '../wire/message.ts';
import { createSecrets, type Secrets } from '../wire/secrets.ts';

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
interface ClientRegistry {
  /** The images that this client has left there. */
  readonly roots: RootMemory;
  readonly line: Line;
  readonly registry: RemoteRegistry;
}

/** The registries of a client, each opened once. */
export interface Registries {
  of(name: RegistryName): ClientRegistry;
  /** Keeps the notes on the images that the client has left in them. */
  keep(): Promise<void>;
}

/** The parts of a client that its registries share. */
export interface ClientParts {
  readonly line: LineOptions;
  readonly keychain: Keychain;
  readonly upload: UploadOptions;
  readonly download: DownloadOptions;
  readonly rootNotes: RootNotes | undefined;
  readonly resources: Resources;
  /** Refuses every request after the client is closed. */
  readonly unlessClosed: Middleware;
  readonly transport: Transport;
  /** Reports a problem of a registry that ends nothing. */
  readonly warn: (about: string, text: string) => void;
}

/** Creates the registries of a client. Nothing is sent. */
export function createRegistries(hosts: Hosts, client: ClientParts): Registries {
  const opened = new Map<Host, ClientRegistry>();
  return {
    of(name) {
      const host = hosts.of(name);
      const registry = opened.get(host) ?? openHost(host, client);
      opened.set(host, registry);
      return registry;
    },
    async keep() {
      await Promise.all([...opened.values()].map(({ roots }) => roots.keep()));
    },
  };
}

/** Opens one registry, with a line of its own. */
function openHost(host: Host, client: ClientParts): ClientRegistry {
  const { keychain, upload, download, resources, unlessClosed } = client;
  const { base, registry, loginAdvice, isPlain } = host;
  const warn = (text: string): void => client.warn(registry, text);
  const home = { ...client.line, home: base, secrets: createSecrets(Object.values(host.headers)) };
  const line = openLine(host, home, warn);
  const authorize = line.authorizeWith(isPlain ? askedInPlain(keychain) : keychain);
  const send = unlessClosed(createLine({ ...home, authorize }));
  const preconnect = (requests: number): void => void client.transport.preconnect?.(base, requests);
  const clock = home.timeouts?.clock;
  const remote = { base, registry, send, loginAdvice, preconnect, onWarning: warn, upload, download, clock };
  const roots = createRootMemory({ place: base, notes: client.rootNotes });
  return {
    roots,
    line: { ...line, bare: unlessClosed(line.bare), authorize },
    registry: openRegistry(remote, resources, { roots, bandwidth: home.bandwidth }),
  };
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
