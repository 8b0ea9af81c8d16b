import { type ConfigFileOptions, readConfigs } from './config-file.ts';
import type { Credential, Keychain } from './credential.ts';
import { type DockerConfig, helperFor, inlineCredential } from './docker-config.ts';
import { askHelper, type HelperOptions } from './helper.ts';
import { canonicalKey } from './server-key.ts';

export interface KeychainOptions extends ConfigFileOptions, HelperOptions {
  /** Milliseconds since some moment; tells when an answer of a helper is too old. Default `Date.now`. */
  readonly now?: () => number;
}

/** Helpers of clouds make up credentials that last hours at most, and asking costs a process. */
const helperAnswerLasts = 5 * 60_000;

/**
 * The credentials that docker and podman would use: their files, and the helpers that those name. Files are read anew for
 * every question, so that a login shows; a helper runs once in five minutes for a registry, however many ask.
 *
 * The keychain throws HELPER_FAILED, NO_PERMISSION, INVALID_OPTION (a file that can't be understood).
 */
export function createKeychain(options: KeychainOptions = {}): Keychain {
  const { now = Date.now } = options;
  const answers = new Map<
    string,
    { readonly at: number; readonly credential: Promise<Credential | undefined> }
  >();

  const ask = (helper: string, registry: string): Promise<Credential | undefined> => {
    const key = `${helper} ${canonicalKey(registry)}`;
    const known = answers.get(key);
    if (known !== undefined && now() - known.at < helperAnswerLasts) return known.credential;
    const credential = askHelper(helper, registry, options);
    answers.set(key, { at: now(), credential });
    // A failure is no answer to keep: the next time the keychain may be unlocked.
    credential.catch(() => answers.delete(key));
    return credential;
  };

  const lookUp = async (
    config: DockerConfig,
    registry: string,
    repository: string | undefined,
  ): Promise<Credential | undefined> => {
    const helper = helperFor(config, registry);
    const kept = helper === undefined ? undefined : await ask(helper, registry);
    return kept ?? inlineCredential(config, registry, repository);
  };

  return async (registry, repository) => {
    for await (const config of readConfigs(options)) {
      const credential = await lookUp(config, registry, repository);
      if (credential !== undefined) return credential;
    }
    return undefined;
  };
}
