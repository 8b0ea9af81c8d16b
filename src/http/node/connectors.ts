import type { LookupFunction } from 'node:net';
import { createSingleFlight } from '../../flow/single-flight.ts';
import type { HttpRequest, TargetUri } from '../../wire/message.ts';
import { parseTargetUri } from '../../wire/target-uri.ts';
import type { AddressClass } from '../address-class.ts';
import { type Connector, createConnector } from './connector.ts';
import { type ProxyOption, proxyChoice } from './proxy.ts';
import { createReach, systemLookup } from './reach.ts';
import type { TlsChoice, TlsOptions } from './tls.ts';

/** The connectors to all origins. Each is created when it is first needed. */
export interface Connectors {
  /** Rejects with the request's signal, too: certificates may come from a caller's function that never answers. */
  to(request: Pick<HttpRequest, 'sentBy' | 'signal'>, target: TargetUri): Promise<Connector>;
  /** Once they have been read, these authorities are trusted, too. */
  trust(authorities: () => Promise<readonly string[]>, signal?: AbortSignal): Promise<void>;
  close(): void;
}

interface ConnectorsOptions {
  readonly tls?: TlsOptions | TlsChoice | undefined;
  readonly proxy?: ProxyOption | undefined;
  readonly lookup?: LookupFunction | undefined;
  readonly connectWithin: number;
}

export function createConnectors({
  tls = {},
  proxy,
  connectWithin,
  lookup = systemLookup,
}: ConnectorsOptions): Connectors {
  const choose = proxyChoice(proxy);
  const reach = createReach(lookup);
  const connectors = createSingleFlight<string, Connector>({ keep: true });
  const reading = createSingleFlight<'authorities', readonly string[]>({ keep: true });
  /** Those without the further authorities included: requests may be on their way over them. */
  const made = new Set<Connector>();
  let more: readonly string[] = [];
  let isClosed = false;

  const tlsOf = async (host: string): Promise<TlsOptions> => {
    const own = typeof tls === 'function' ? await tls(host) : tls;
    return more.length === 0 || own.onlyCa === true
      ? own
      : { ...own, ca: [...[own.ca ?? []].flat(), ...more] };
  };
  const build = async (target: TargetUri, limit: AddressClass | undefined): Promise<Connector> => {
    const { url, host, hostname, secure } = target;
    const through = choose(url);
    if (through === undefined && limit !== undefined) reach.check(hostname, limit);
    const connector = await createConnector(target, {
      tls: secure ? await tlsOf(host) : {},
      proxy: through,
      proxyTls: through?.secure ? await tlsOf(through.host) : {},
      // The user chose the proxy, which is responsible for the addresses that it can reach.
      lookup: through === undefined ? reach.lookup(limit) : lookup,
      connectWithin,
    });
    made.add(connector);
    if (isClosed) connector.close();
    return connector;
  };

  return {
    to({ sentBy, signal }, target) {
      const { hostname } = sentBy === undefined ? target : parseTargetUri(sentBy);
      const limit = sentBy === undefined ? undefined : reach.limitOf(hostname);
      const key = `${target.secure ? 'https' : 'http'}://${target.host} ${limit ?? ''}`;
      return connectors.run(key, () => build(target, limit), { signal });
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
