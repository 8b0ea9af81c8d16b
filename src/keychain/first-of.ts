import { callback, checkArgument } from '../spec/options.ts';
import type { Keychain } from './credential.ts';

/**
 * Combines keychains: each is asked in turn, and the first credential counts. A keychain that fails ends the search with
 * its error, because a later keychain could log in as another user.
 * @throws INVALID_OPTION at once for an argument that is no function; the errors of the keychains, when called.
 * @example
 * ```ts
 * import { createKeychain, firstOf, type Keychain } from 'gantry/keychain';
 *
 * const robot: Keychain = async (registry) =>
 *   registry === 'ghcr.io' ? { kind: 'basic', username: 'robot', password: 'token' } : undefined;
 * export const keychain: Keychain = firstOf(robot, createKeychain());
 * ```
 */
export function firstOf(...keychains: readonly Keychain[]): Keychain {
  for (const keychain of keychains) checkArgument('firstOf', 'keychains', keychain, callback);
  return async (registry, repository, options) => {
    for (const keychain of keychains) {
      options?.signal?.throwIfAborted();
      const credential = await keychain(registry, repository, options);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}
