import dns from 'node:dns';
import type { LookupFunction } from 'node:net';
import { TransportError } from '../errors.ts';
import type { HttpRequest } from '../wire/message.ts';
import { type AddressClass, addressClassOf, mayReach, mostPublic } from './address-class.ts';
import { type Connector, createConnector } from './connector.ts';
import { type ProxyOption, proxyChoice } from './proxy.ts';
import { parseTarget, type Target } from './target.ts';
import type { TlsChoice, TlsOptions } from './tls.ts';

/** The connectors to all origins. Each is created when it is first needed. */
export interface Connectors {
  to(request: Pick<HttpRequest, 'url' | 'sentBy'>, target: Target): Promise<Connector>;
  /** Trusts these authorities, too, from the first call on. */
  trust(authorities: () => Promise<readonly string[]>): Promise<void>;
  close(): Promise<void>;
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
  const connectors = new Map<string, Promise<Connector>>();
  const retired: Promise<Connector>[] = [];
  /** The addresses of each name that was looked up. They are classified only when the host refers to another one. */
  const reached = new Map<string, readonly string[]>();
  /**
   * Names that resolved to a nearer address than allowed. Such a name may afterwards refer to public addresses only.
   */
  const refused = new Set<string>();
  let more: Promise<readonly string[]> | undefined;

  const tlsOf = async (host: string): Promise<TlsOptions> => {
    const own = typeof tls === 'function' ? await tls(host) : tls;
    return more === undefined ? own : { ...own, ca: [...[own.ca ?? []].flat(), ...(await more)] };
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
    return createConnector(target, {
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
  };

  return {
    to({ url, sentBy }, target) {
      const { hostname } = sentBy === undefined ? target : parseTarget(sentBy);
      const limit = sentBy === undefined ? undefined : limitOf(hostname);
      const key = `${target.secure ? 'https' : 'http'}://${target.host} ${limit ?? ''}`;
      const known = connectors.get(key);
      if (known !== undefined) return known;
      const connector = build(url, target, limit);
      connectors.set(key, connector);
      connector.catch(() => connectors.delete(key));
      return connector;
    },
    async trust(authorities) {
      more ??= authorities().then((found) => {
        if (found.length > 0) {
          // Closed later: other requests may still use them.
          retired.push(...connectors.values());
          connectors.clear();
        }
        return found;
      });
      await more;
    },
    async close() {
      const all = await Promise.allSettled([...connectors.values(), ...retired]);
      for (const settled of all) if (settled.status === 'fulfilled') settled.value.close();
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
