import {
  signal as abortSignal,
  amount,
  callback,
  checkOptions,
  object,
  type Shape,
  text,
} from '../spec/options.ts';
import { type AnswerOptions, rememberedAnswer } from './answers.ts';
import { type ConfigFileOptions, readConfigs } from './config-file.ts';
import type { Credential, Keychain } from './credential.ts';
import { helperFor, inlineCredential, plainEntries } from './docker-config.ts';
import { candidateKeys, canonicalKey, isPlainKey } from './server-key.ts';

export interface KeychainOptions extends ConfigFileOptions, AnswerOptions {
  /** Come before all that is found, under keys as in an auth file (`ghcr.io`, `ghcr.io/acme`); the longest that fits counts. */
  readonly credentials?: Readonly<Record<string, Credential>>;
}

const shape: Shape<KeychainOptions> = {
  env: object,
  configFile: text,
  timeout: amount,
  signal: abortSignal,
  now: callback,
  credentials: object,
};

/**
 * The credentials that docker and podman would use: given ones, DOCKER_AUTH_CONFIG, their files and the helpers that
 * those name, GITHUB_TOKEN for ghcr.io. Files are read anew for every question, so that a login shows.
 *
 * The keychain throws HELPER_FAILED, NO_PERMISSION, INVALID_OPTION (a file that can't be understood).
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
      // A helper doesn't tell what its login was given over.
      const config = plain ? plainEntries(found) : found;
      const helper = helperFor(config, registry);
      const kept =
        helper === undefined ? undefined : await rememberedAnswer(helper, registry, { ...options, signal });
      const credential = kept ?? inlineCredential(config, registry, repository);
      if (credential !== undefined) return credential;
    }
    return options.configFile === undefined && !plain ? githubCredential(registry, options) : undefined;
  };
}

function byKey(entries: readonly (readonly [string, Credential])[]): ReadonlyMap<string, Credential> {
  return new Map(entries.map(([key, credential]) => [canonicalKey(key), credential]));
}

/** What a workflow of GitHub is given: its registry looks at the token and takes any user. */
function githubCredential(
  registry: string,
  { env = process.env }: ConfigFileOptions,
): Credential | undefined {
  const password = env['GITHUB_TOKEN'];
  if (!password || canonicalKey(registry) !== 'ghcr.io') return undefined;
  return { kind: 'basic', username: env['GITHUB_ACTOR'] || 'x-access-token', password };
}
