import { checkOptions, text } from '../spec/options.ts';
import { type ConfigFileOptions, readConfigs } from './config-file.ts';
import { type HelperOptions, helperOptions, listHelper } from './credential-helper.ts';
import { helpersOf, inlineCredentials } from './docker-config.ts';
import { canonicalKey } from './server-key.ts';

/** A stored credential, without its secret. */
export interface Login {
  /** `ghcr.io`, or with a path (`ghcr.io/acme`) when it applies to a part of the registry. */
  readonly registry: string;
  /** The user name. Absent for a token without a user. */
  readonly username?: string;
  /** The file that contains the credential or names the helper. */
  readonly path: string;
  /** The helper that stores the credential, if any. */
  readonly helper?: string;
}

/**
 * Lists the logins in all credential files and their helpers, in the order in which a keychain searches them. Lists
 * only the effective login of each registry.
 * @throws HELPER_FAILED, NO_PERMISSION, IO_FAILED, INVALID_OPTION
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
