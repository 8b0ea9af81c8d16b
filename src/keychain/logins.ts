import { checkOptions, text } from '../spec/options.ts';
import { type ConfigFileOptions, readConfigs } from './config-file.ts';
import { type HelperOptions, helperOptions, listHelper } from './credential-helper.ts';
import { helpersOf, inlineCredentials } from './docker-config.ts';
import { canonicalKey } from './server-key.ts';

/** A credential that is kept somewhere, without its secret. */
export interface Login {
  /** `ghcr.io`, or with a path (`ghcr.io/acme`) where it is for a part of the registry. */
  readonly registry: string;
  /** None for a token that names nobody. */
  readonly username?: string;
  /** The file that holds it, or that names the helper. */
  readonly path: string;
  readonly helper?: string;
}

/**
 * Who the files and their helpers know, in the order in which a keychain looks; of several for one registry the one that
 * counts. Throws HELPER_FAILED, NO_PERMISSION, INVALID_OPTION.
 */
export async function listLogins(options: ConfigFileOptions & HelperOptions = {}): Promise<readonly Login[]> {
  checkOptions('listLogins', options, { ...helperOptions, configFile: text });
  const logins = new Map<string, Login>();
  const add = (login: Login): void => {
    if (!logins.has(login.registry)) logins.set(login.registry, login);
  };
  for await (const config of readConfigs(options)) {
    const path = config.what;
    for (const [helper, keys] of helpersOf(config)) {
      for (const [key, username] of await listHelper(helper, options)) {
        const registry = canonicalKey(key);
        if (keys?.includes(registry) !== false) add({ registry, username, path, helper });
      }
    }
    for (const [registry, credential] of inlineCredentials(config)) {
      const username = credential.kind === 'registry' ? undefined : credential.username;
      add({ registry, ...(username === undefined ? {} : { username }), path });
    }
  }
  return [...logins.values()];
}
