import { createSingleFlight } from '../flow/single-flight.ts';
import { trustsRealm } from '../http/realm-trust.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
import { isHelperMissing } from '../keychain/helper-missing.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest } from '../wire/message.ts';
import { scopedRepository } from '../wire/scope.ts';
import type { AuthScheme } from './scheme.ts';

export interface CredentialOptions {
  /** The name of the registry for the keychain, such as `docker.io`. */
  readonly registry: string;
  readonly keychain: Keychain;
  /** Hosts of token services that may receive the credentials, besides those in the registry's own domain. */
  readonly trustedRealms?: readonly string[] | undefined;
  /** Called with the reason when a credential was not sent, once for each text. */
  readonly warn?: ((text: string) => void) | undefined;
  readonly clock?: Clock | undefined;
}

export interface Identity {
  readonly credential: Credential | undefined;
  /** The reason of a missing credential, unless the user has none. */
  readonly missing?: unknown;
}

/** A credential that a token service takes. */
export type ServiceCredential = Exclude<Credential, { readonly kind: 'registry' }>;

/** The credentials of the user for one registry. */
export interface Credentials {
  /** Resolves with the credential for the repository of the request. Rejects with the failure of the keychain. */
  of(request: HttpRequest): Promise<Credential | undefined>;
  /** Forgets a credential that the registry has refused. */
  forget(request: HttpRequest): void;
  /**
   * Resolves with the credential for the request. Resolves without one when the helper is not installed and anonymous
   * access may suffice.
   */
  identify(scheme: AuthScheme, request: HttpRequest): Promise<Identity>;
  /**
   * Resolves with the credential that a token service may receive: an untrusted one gets the scopes of the request, but
   * no credential. `url` is the address of the request.
   */
  shownTo(
    realm: string,
    url: string,
    credential: ServiceCredential | undefined,
  ): Promise<ServiceCredential | undefined>;
}

/** Milliseconds before the end of a credential from which a new one is asked for: its request must still be served. */
const margin = 60_000;

export function createCredentials({
  registry,
  keychain,
  trustedRealms,
  warn: onWarning,
  clock = systemClock,
}: CredentialOptions): Credentials {
  const warn = onceForEach(onWarning);
  const found = createSingleFlight<string, Credential | undefined>({ keep: true });

  /** Credentials past their end. Only the first request that finds one asks the keychain again, and the others join it. */
  const ended = new WeakSet<Credential>();

  const of = async (request: HttpRequest): Promise<Credential | undefined> => {
    const repository = scopedRepository(request.scopes);
    const key = repository ?? '';
    // Failures are not kept: the user may unlock the helper before the next request.
    const ask = (): Promise<Credential | undefined> =>
      found.run(key, (over) => keychain(registry, repository, { signal: over }), request);
    const credential = await ask();
    if (credential?.expiresAt === undefined || clock.now() < credential.expiresAt - margin) return credential;
    if (!ended.has(credential)) found.forget(key);
    ended.add(credential);
    return ask();
  };

  return {
    of,

    forget: ({ scopes }) => found.forget(scopedRepository(scopes) ?? ''),

    async identify(scheme, request) {
      try {
        return { credential: await of(request) };
      } catch (error) {
        // A config file from another machine can name helpers that are missing here. Public images can still be read.
        const { scopes = [] } = request;
        const mayDoWithout = scheme.kind === 'bearer' && scopes.every((scope) => scope.endsWith(':pull'));
        if (!mayDoWithout || !isHelperMissing(error)) throw error;
        warn(`asked without credentials: ${error instanceof Error ? error.message : String(error)}`);
        return { credential: undefined, missing: error };
      }
    },

    async shownTo(realm, url, credential) {
      if (credential === undefined || (await trustsRealm(url, realm, trustedRealms))) return credential;
      const { host } = new URL(realm);
      warn(`its tokens come from ${host}, which sees your credentials only as a trusted realm`);
      return undefined;
    },
  };
}

function onceForEach(warn: (text: string) => void = () => undefined): (text: string) => void {
  const warned = new Set<string>();
  return (text) => {
    if (!warned.has(text)) warn(text);
    warned.add(text);
  };
}
