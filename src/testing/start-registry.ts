import { createMemoryRegistry } from '../memory/registry.ts';
import { type AppOptions, appOptions, createApp } from '../server/app.ts';
import type { Serve } from '../server/exchange.ts';
import { type ListenOptions, listen, listenOptions } from '../server/node/listen.ts';
import { checkOptions, listOf, object, type Shape } from '../spec/options.ts';
import type { Registry } from '../store/contract.ts';
import { type Fault, withFaults } from './faults.ts';
import { openLogin, type TestLogin } from './login.ts';
import { type RecordedRequest, recording } from './recorded.ts';

type Listening = Pick<ListenOptions, 'host' | 'port' | 'tls' | 'anonymous' | 'hosts'>;

export interface StartRegistryOptions extends AppOptions, Listening {
  /** Where it keeps what is pushed. Default: in memory, empty. */
  readonly registry?: Registry;
  /** Who can log in, by Basic and with tokens of its own. Default: nobody has to. */
  readonly login?: TestLogin;
  /** What goes wrong with it, in this order. Closing it fails where one of them never struck. Default: nothing. */
  readonly faults?: readonly Fault[];
}

export interface TestRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:40000`, or with `https:`. */
  readonly url: string;
  /** What stands first in a reference: `127.0.0.1:40000`. */
  readonly host: string;
  /** The place behind it, to look into or to fill without HTTP. */
  readonly registry: Registry;
  /** Every request so far, in the order in which they came, those that met a fault among them with the fault. */
  readonly requests: readonly RecordedRequest[];
  /** With a login: every token that was given so far is refused from now on. */
  expireTokens(): void;
  /** Ends running exchanges at once. Throws INVALID_OPTION, once, where a fault that was scripted has never struck. */
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
  faults: listOf(object),
};

/** A registry on a free port of this machine, for the length of a test: `await using registry = await startRegistry()`. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  checkOptions('startRegistry', options, shape);
  const { registry = createMemoryRegistry(), login, faults = [], ...rest } = options;
  const { host, port, tls, anonymous, hosts, ...app } = rest;
  const desk = login === undefined ? undefined : openLogin(login);
  const served = createApp(registry, { ...app, ...(desk === undefined ? {} : { access: desk.access }) });
  const requests: RecordedRequest[] = [];
  const recorded = recording(requests);
  const faulty = withFaults(faults, {
    onStrike: (request, fault) => recorded.struck(request, fault),
  });
  const handler: Serve = recorded(faulty(served));
  const guarded = served.guarded === undefined ? {} : { guarded: served.guarded };
  const listener = await listen(Object.assign(handler, guarded), {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(tls === undefined ? {} : { tls }),
    ...(anonymous === undefined ? {} : { anonymous }),
    ...(hosts === undefined ? {} : { hosts }),
  });
  // A test that ends has no more use for its exchanges.
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
