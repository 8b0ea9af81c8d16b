import { InputError } from '../../errors.ts';
import type { UpstreamFailure } from '../../pull-through/upstream.ts';
import { formatRepository, parseRepository, type Reference } from '../../spec/reference.ts';
import type { Context } from '../context.ts';
import { errorLine } from '../failure.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { registryArgument } from '../registry-argument.ts';
import type { Store } from './store.ts';

/** A store, or the cache that `--proxy` makes of it. */
export interface ProxiedStore extends Store {
  /** The registry behind the cache. */
  readonly proxy?: string;
}

/** The cache that the options describe. */
export interface WantedProxy {
  readonly reference: Pick<Reference, 'registry' | 'scheme'>;
  /** Milliseconds. */
  readonly ttl: number;
}

/**
 * Reads `--proxy` and `--proxy-ttl`, before the store is made. Returns undefined without `--proxy`.
 * @throws INVALID_OPTION or INVALID_REFERENCE for a wrong flag
 */
export function proxyOf(given: ParsedArgs): WantedProxy | undefined {
  const text = given.text('proxy');
  const ttl = (given.count('proxy-ttl') ?? 0) * 1000;
  if (text !== undefined) return { reference: readOption('proxy', text, registryArgument), ttl };
  if (given.flag('proxy-ttl')) throw new InputError('INVALID_OPTION', '--proxy-ttl needs --proxy');
  return undefined;
}

/**
 * Returns the store itself, or a cache of the wanted registry. The cache logs in with `--username` or the keychain.
 * Disposing leaves the store open.
 */
export async function withProxy(
  store: Store,
  wanted: WantedProxy | undefined,
  context: Context,
): Promise<ProxiedStore> {
  if (wanted === undefined) return { ...store, async [Symbol.asyncDispose]() {} };
  const { reference, ttl } = wanted;
  const { registry } = reference;
  const { createPullThrough } = await import('../../pull-through/registry.ts');
  const connections = await context.connections();
  const through = createPullThrough(connections.registry(reference), store.registry, {
    ttl,
    // As in references: Docker Hub's `alpine` is `library/alpine`.
    rename: (name) => parseRepository(formatRepository({ registry, repository: name })).repository,
    onFailure: (failure) => context.output.note(failureLine(registry, failure), 'warning'),
  });
  return {
    ...store,
    registry: through,
    proxy: registry,
    async [Symbol.asyncDispose]() {
      await through[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}

function failureLine(registry: string, { what, error, served }: UpstreamFailure): string {
  return `${registry}: ${what}: ${errorLine(error)}${served ? '; answered from the cache' : ''}`;
}
