import { createMemoryRegistry } from '../memory/registry.ts';
import { type AppOptions, createApp } from '../server/app.ts';
import { type ListenOptions, listen } from '../server/node.ts';
import type { Registry } from '../store/contract.ts';

export interface StartRegistryOptions extends AppOptions, Pick<ListenOptions, 'host' | 'port'> {
  /** Where it keeps what is pushed. Default: in memory, empty. */
  readonly registry?: Registry;
}

export interface TestRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:40000` */
  readonly url: string;
  /** What stands first in a reference: `127.0.0.1:40000`. */
  readonly host: string;
  /** The place behind it, to look into or to fill without HTTP. */
  readonly registry: Registry;
  close(): Promise<void>;
}

/** A registry on a free port of this machine, for the length of a test: `await using registry = await startRegistry()`. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const { registry = createMemoryRegistry(), host, port, ...app } = options;
  const listener = await listen(createApp(registry, app), {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  });
  // A test that ends has no more use for its exchanges.
  const close = (): Promise<void> => listener.close({ grace: 0 });
  return {
    url: listener.url,
    host: listener.url.slice('http://'.length),
    registry,
    close,
    [Symbol.asyncDispose]: close,
  };
}
