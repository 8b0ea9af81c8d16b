import { createMemoryRegistry } from '../memory/registry.ts';
import { type AppOptions, appOptions, createApp } from '../server/app.ts';
import type { Serve } from '../server/exchange.ts';
import { type ListenOptions, listen, listenOptions } from '../server/node/listen.ts';
import { arrayOf, checkOptions, object, type Shape } from '../spec/options.ts';
import type { Registry } from '../store/contract.ts';
import { type Fault, withFaults } from './faults.ts';
import { openLogin, type TestLogin } from './login.ts';
import { type RecordedRequest, recording } from './recorded.ts';

/** The settings of `listen` that a test registry takes. */
export type Listening = Pick<ListenOptions, 'host' | 'port' | 'tls' | 'anonymous' | 'hosts'>;

/** Options of `startRegistry`. */
export interface StartRegistryOptions extends AppOptions, Listening {
  /** The store of the registry. Default: an empty one in memory. */
  readonly registry?: Registry | undefined;
  /** The users and their rights; they log in with Basic or with tokens. Default: no login. */
  readonly login?: TestLogin | undefined;
  /**
   * The faults of the registry, in order of precedence. Closing it fails if a required one never struck. Default: none.
   */
  readonly faults?: readonly Fault[] | undefined;
}

/** A running registry for a test. */
export interface TestRegistry extends AsyncDisposable {
  /** The URL: `http://127.0.0.1:40000`, or with `https:`. */
  readonly url: string;
  /** The registry part of a reference: `127.0.0.1:40000`. */
  readonly host: string;
  /** The store behind the registry, for reading and filling it without HTTP. */
  readonly registry: Registry;
  /** All requests so far in the order of their arrival, each with the fault that struck it. */
  readonly requests: readonly RecordedRequest[];
  /** Invalidates all issued tokens, if the registry has a login. */
  expireTokens(): void;
  /**
   * Closes the registry and all running exchanges at once. Throws INVALID_OPTION, once, if a required fault never
   * struck.
   */
  close(): Promise<void>;
}

const shape: Shape<StartRegistryOptions> = {
  ...appOptions,
  host: listenOptions.host,
  port: listenOptions.port,
  tls: listenOptions.tls,
  anonymous: listenOptions.anonymous,
  hosts: listenOptions.hosts,
  registry: object,
  login: object,
  faults: arrayOf(object),
};

/** Starts a registry on a free port of this machine, for one test: `await using registry = await startRegistry()`. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  checkOptions('startRegistry', options, shape);
  const { registry = createMemoryRegistry(), login, faults = [], ...rest } = options;
  const { host, port, tls, anonymous, hosts, ...app } = rest;
  const desk = login === undefined ? undefined : openLogin(login);
  const served = createApp(registry, { ...app, access: desk?.access ?? app.access });
  const requests: RecordedRequest[] = [];
  const recorded = recording(requests);
  const faulty = withFaults(faults, {
    onStrike: (request, fault) => recorded.struck(request, fault),
  });
  const handler: Serve = recorded(faulty(served));
  const guarded = served.guarded === undefined ? {} : { guarded: served.guarded };
  const listener = await listen(Object.assign(handler, guarded), {
    host,
    port,
    tls,
    anonymous,
    hosts,
  });
  // Running exchanges are of no use after the end of a test.
  let isClosed = false;
  const close = async (): Promise<void> => {
    await listener.close({ grace: 0 });
    if (isClosed) return;
    isClosed = true;
    faulty.assertStruck();
  };
  return {
    url: listener.url,
    host: listener.url.replace(/^https?:\/\//, ''),
    registry,
    requests,
    expireTokens: () => desk?.expireTokens(),
    close,
    [Symbol.asyncDispose]: close,
  };
}
