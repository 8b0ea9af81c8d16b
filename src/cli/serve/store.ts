import { InputError } from '../../errors.ts';
import type { Registry } from '../../store/contract.ts';
import { parseDuration } from '../duration.ts';

export interface Store extends AsyncDisposable {
  readonly registry: Registry;
  /** Returns the key for signing tokens, if it outlives the process. */
  readonly secret?: () => Promise<Uint8Array>;
}

/** Opens the place for the content of a served registry: a folder, or the memory of this process. */
export async function openStore(
  disk: string | undefined,
  {
    sessionTtl,
    readOnly = false,
  }: { readonly sessionTtl?: string | undefined; readonly readOnly?: boolean } = {},
): Promise<Store> {
  if (disk === undefined) {
    if (sessionTtl !== undefined) throw new InputError('INVALID_OPTION', '--session-ttl needs --disk');
    const { createMemoryRegistry } = await import('../../memory/registry.ts');
    return { registry: createMemoryRegistry(), async [Symbol.asyncDispose]() {} };
  }
  const { openDiskRegistry } = await import('../../disk/registry.ts');
  const registry = await openDiskRegistry(disk, {
    readOnly,
    sessionTtl: sessionTtl === undefined ? undefined : parseDuration(sessionTtl, 'session-ttl'),
  });
  return {
    registry,
    secret: () => registry.secret(),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
