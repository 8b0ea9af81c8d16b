import {
  signal as abortSignal,
  amount,
  callback,
  checkOptions,
  object,
  recordOf,
  type Shape,
  text,
} from '../spec/options.ts';
import { type AnswerOptions, processAnswers } from './answers.ts';
import { type ConfigFileOptions, readConfigs } from './config-file.ts';
import { aCredential, type Credential, type Keychain } from './credential.ts';
import { helperFor, inlineCredential, plainEntries } from './docker-config.ts';
import { candidateKeys, canonicalKey, isPlainKey } from './server-key.ts';

/** Options of `createKeychain`. */
export interface KeychainOptions extends ConfigFileOptions, AnswerOptions {
  /**
   * Credentials that take precedence over all files. The keys are those of a credential file (`ghcr.io`,
   * `ghcr.io/acme`); the longest matching key counts.
   */
  readonly credentials?: Readonly<Record<string, Credential>> | undefined;
}

const shape: Shape<KeychainOptions> = {
  env: object,
  configFile: text,
  timeout: amount,
  signal: abortSignal,
  now: callback,
  credentials: recordOf(aCredential),
};

/**
 * Creates a keychain with the credentials that docker and podman would use. Their order: the given ones,
 * DOCKER_AUTH_CONFIG, the files of docker and podman with their helpers, and GITHUB_TOKEN for ghcr.io. The keychain
 * reads the files for every request, so it sees a new login.
 * @throws HELPER_FAILED, NO_PERMISSION, IO_FAILED or INVALID_OPTION (a file that cannot be parsed), each when the
 * keychain is called; INVALID_OPTION at once for invalid options.
 */
export function createKeychain(options: KeychainOptions = {}): Keychain {
  checkOptions('createKeychain', options, shape);
  const given = byKey(Object.entries(options.credentials ?? {}));
  const givenPlain = byKey(Object.entries(options.credentials ?? {}).filter(([key]) => isPlainKey(key)));

  return async (registry, repository, { signal, plain = false } = {}) => {
    for (const key of candidateKeys(registry, repository)) {
      const credential = (plain ? givenPlain : given).get(key);
      if (credential !== undefined) return credential;
    }
    for await (const found of readConfigs(options)) {
      // A helper does not say for which scheme it stored a login.
      const config = plain ? plainEntries(found) : found;
      const helper = helperFor(config, registry);
      const kept =
        helper === undefined ? undefined : await processAnswers.ask(helper, registry, { ...options, signal });
      const credential = kept ?? inlineCredential(config, registry, repository);
      if (credential !== undefined) return credential;
    }
    return options.configFile === undefined && !plain ? githubCredential(registry, options) : undefined;
  };
}

function byKey(entries: readonly (readonly [string, Credential])[]): ReadonlyMap<string, Credential> {
  return new Map(entries.map(([key, credential]) => [canonicalKey(key), credential]));
}

/** GitHub workflows get this token. Its registry checks the token and accepts any user name. */
function githubCredential(
  registry: string,
  { env = process.env }: ConfigFileOptions,
): Credential | undefined {
  const password = env['GITHUB_TOKEN'];
  if (!password || canonicalKey(registry) !== 'ghcr.io') return undefined;
  return { kind: 'basic', username: env['GITHUB_ACTOR'] || 'x-access-token', password };
}
