import dns from 'node:dns';
import type { LookupFunction } from 'node:net';
import { TransportError } from '../errors.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import type { HttpRequest } from '../wire/message.ts';
import { type AddressClass, addressClassOf, mayReach, mostPublic } from './address-class.ts';
import { type Connector, createConnector } from './connector.ts';
import { type ProxyOption, proxyChoice } from './proxy.ts';
import { parseTarget, type Target } from './target.ts';
import type { TlsChoice, TlsOptions } from './tls.ts';

/** The connectors to all origins. Each is created when it is first needed. */
export interface Connectors {
  /** Rejects with the request's signal, too: certificates may come from a caller's function that never answers. */
  to(request: Pick<HttpRequest, 'url' | 'sentBy' | 'signal'>, target: Target): Promise<Connector>;
  /** Once they have been read, these authorities are trusted, too. */
  trust(authorities: () => Promise<readonly string[]>, signal?: AbortSignal): Promise<void>;
  close(): void;
}

interface ConnectorsOptions {
  readonly tls?: TlsOptions | TlsChoice;
  readonly proxy?: ProxyOption;
  readonly lookup?: LookupFunction;
  readonly connectWithin: number;
}

export function createConnectors({
  tls = {},
  proxy,
  connectWithin,
  lookup = lookUp,
}: ConnectorsOptions): Connectors {
  const choose = proxyChoice(proxy);
  const connectors = createSingleFlight<string, Connector>({ keep: true });
  const reading = createSingleFlight<'authorities', readonly string[]>({ keep: true });
  /** Those without the further authorities included: requests may be on their way over them. */
  const made = new Set<Connector>();
  /** The addresses of each name that was looked up. They are classified only when the host refers to another one. */
  const reached = new Map<string, readonly string[]>();
  /**
   * Names that resolved to a nearer address than allowed. Such a name may afterwards refer to public addresses only.
   */
  const refused = new Set<string>();
  let more: readonly string[] = [];
  let isClosed = false;

  const tlsOf = async (host: string): Promise<TlsOptions> => {
    const own = typeof tls === 'function' ? await tls(host) : tls;
    return more.length === 0 ? own : { ...own, ca: [...[own.ca ?? []].flat(), ...more] };
  };
  const limitOf = (sender: string): AddressClass =>
    refused.has(sender) ? 'public' : mostPublic(reached.get(sender) ?? [sender]);
  const build = async (url: string, target: Target, limit: AddressClass | undefined): Promise<Connector> => {
    const { host, hostname, secure } = target;
    const through = choose(url);
    if (through === undefined && limit !== undefined) {
      const direct = addressClassOf(hostname);
      if (!mayReach(limit, direct)) throw tooClose(hostname, direct);
    }
    const connector = await createConnector(target, {
      tls: secure ? await tlsOf(host) : {},
      proxy: through,
      proxyTls: through?.secure ? await tlsOf(through.host) : {},
      lookup: watchedLookup(lookup, {
        // The user chose the proxy, which is responsible for the addresses that it can reach.
        limit: through === undefined ? limit : undefined,
        found: (addresses) => through ?? reached.set(hostname, addresses),
        refuse: () => refused.add(hostname),
      }),
      connectWithin,
    });
    made.add(connector);
    if (isClosed) connector.close();
    return connector;
  };

  return {
    to({ url, sentBy, signal }, target) {
      const { hostname } = sentBy === undefined ? target : parseTarget(sentBy);
      const limit = sentBy === undefined ? undefined : limitOf(hostname);
      const key = `${target.secure ? 'https' : 'http'}://${target.host} ${limit ?? ''}`;
      return connectors.run(key, () => build(url, target, limit), { signal });
    },
    async trust(authorities, signal) {
      const read = async (): Promise<readonly string[]> => {
        more = await authorities();
        if (more.length > 0) connectors.clear();
        return more;
      };
      await reading.run('authorities', read, { signal });
    },
    close() {
      isClosed = true;
      for (const connector of made) connector.close();
    },
  };
}

/** Uses the lookup of the system. `node:dns` is used late, because an address needs no lookup. */
const lookUp: LookupFunction = (hostname, options, callback) => dns.lookup(hostname, options, callback);

interface Watching {
  readonly limit: AddressClass | undefined;
  readonly found: (addresses: readonly string[]) => void;
  readonly refuse: () => void;
}

/**
 * Looks a name up and passes its addresses to `found`. With `limit`, a name with a nearer address fails with
 * REDIRECT_REFUSED before a connection is made. The connection goes to exactly the addresses that were checked.
 */
function watchedLookup(lookup: LookupFunction, { limit, found, refuse }: Watching): LookupFunction {
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, address, family) => {
      if (error !== null) return callback(error, address, family);
      const addresses = typeof address === 'string' ? [address] : address.map((entry) => entry.address);
      const wrong =
        limit && addresses.map(addressClassOf).find((addressClass) => !mayReach(limit, addressClass));
      if (wrong === undefined) found(addresses);
      else refuse();
      callback(wrong === undefined ? null : tooClose(hostname, wrong), address, family);
    });
}

function tooClose(hostname: string, addressClass: AddressClass): TransportError {
  return new TransportError(
    'REDIRECT_REFUSED',
    `an answer refers to ${hostname}: refused, because a ${addressClass} address is nearer than its sender's`,
  );
}
