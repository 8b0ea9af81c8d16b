import { createMemoryRegistry } from '../memory/registry.ts';
import { type AppOptions, createApp } from '../server/app.ts';
import { type ListenOptions, listen } from '../server/node.ts';
import type { Registry } from '../store/contract.ts';
import { type Fault, withFaults } from './faults.ts';
import { type RecordedRequest, recording } from './requests.ts';

export interface StartRegistryOptions
  extends AppOptions,
    Pick<ListenOptions, 'host' | 'port' | 'tls' | 'anonymous'> {
  /** Where it keeps what is pushed. Default: in memory, empty. */
  readonly registry?: Registry;
  /** What goes wrong with it, in this order. Default: nothing. */
  readonly faults?: readonly Fault[];
}

export interface TestRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:40000`, or with `https:`. */
  readonly url: string;
  /** What stands first in a reference: `127.0.0.1:40000`. */
  readonly host: string;
  /** The place behind it, to look into or to fill without HTTP. */
  readonly registry: Registry;
  /** Every request so far, in the order in which they came, those that met a fault among them. */
  readonly requests: readonly RecordedRequest[];
  /** Ends running exchanges at once. */
  close(): Promise<void>;
}

/** A registry on a free port of this machine, for the length of a test: `await using registry = await startRegistry()`. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const { registry = createMemoryRegistry(), faults = [], host, port, tls, anonymous, ...app } = options;
  const requests: RecordedRequest[] = [];
  const handler = recording(requests)(withFaults(faults)(createApp(registry, app)));
  const listener = await listen(handler, {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(tls === undefined ? {} : { tls }),
    ...(anonymous === undefined ? {} : { anonymous }),
  });
  // A test that ends has no more use for its exchanges.
  const close = (): Promise<void> => listener.close({ grace: 0 });
  return {
    url: listener.url,
    host: listener.url.replace(/^https?:\/\//, ''),
    registry,
    requests,
    close,
    [Symbol.asyncDispose]: close,
  };
}
