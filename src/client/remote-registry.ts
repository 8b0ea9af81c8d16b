import {
  createRemoteRegistry as createWithSend,
  type RemoteOptions,
  type RemoteRegistry,
} from '../remote/registry.ts';
import { checkOptions, type Shape, text } from '../spec/options.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { createConnections } from './connections.ts';
import { connection } from './options.ts';

/** Settings of `createRemoteRegistry` without a `send` of the caller: the way to registries is that of `createClient`. */
export interface ConnectedRemoteOptions extends Omit<ConnectionOptions, 'standard'> {
  /** The registry's root, such as `https://ghcr.io`, or its name. */
  readonly base: string;
}

/** A registry over HTTP with the connections that `createRemoteRegistry` made for it. */
export interface ConnectedRegistry extends RemoteRegistry, AsyncDisposable {
  /** Closes the connections; further calls do nothing. `await using` calls it at the end of its block. */
  close(): Promise<void>;
}

const { standard: _, ...wayShape } = connection;
const shape: Shape<ConnectedRemoteOptions> = { ...wayShape, base: text };

/**
 * Opens a registry over HTTP as a place. gantry logs in, retries and follows redirects as the client does. With `send`, every
 * request goes to that function alone, such as the handler of an embedded registry.
 * @throws INVALID_OPTION when an option is unknown or of another type
 * @throws INVALID_REFERENCE when `base` names no registry
 * @example
 * ```ts
 * import { createRemoteRegistry } from 'gantry';
 *
 * await using registry = createRemoteRegistry({ base: 'https://ghcr.io', retry: { attempts: 5 } });
 * for await (const tag of registry.repository('acme/app').tags.list()) console.log(tag);
 * ```
 */
export function createRemoteRegistry(options: ConnectedRemoteOptions | RemoteOptions): ConnectedRegistry {
  if (hasSend(options)) return { ...createWithSend(options), ...closing(async () => {}) };
  checkOptions('createRemoteRegistry', options, shape, ['base']);
  const { base, ...way } = options;
  const connections = createConnections(way);
  const registry = connections.registry(parseRegistry(base));
  return { ...registry, ...closing(() => connections[Symbol.asyncDispose]()) };
}

function hasSend(options: ConnectedRemoteOptions | RemoteOptions): options is RemoteOptions {
  return typeof options === 'object' && options !== null && 'send' in options;
}

function closing(close: () => PromiseLike<void>): Pick<ConnectedRegistry, 'close'> & AsyncDisposable {
  return { close: async () => close(), [Symbol.asyncDispose]: close };
}
