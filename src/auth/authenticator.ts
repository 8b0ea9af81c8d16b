import { AuthError } from '../errors.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, Send } from '../wire/message.ts';
import { mergeScopes } from '../wire/scope.ts';
import type { Secrets } from '../wire/secrets.ts';
import { createTokenCache, type TokenCache } from './cache.ts';
import type { Challenge } from './challenge.ts';
import { type CredentialOptions, type Credentials, createCredentials, type Identity } from './credentials.ts';
import { type AuthScheme, createAuthSchemes } from './scheme.ts';
import { basicAuthorization, secretsOf } from './secrets.ts';
import { fetchToken } from './token.ts';

/** The value of an Authorization header, and its origin. */
export interface Authorization {
  readonly header: string;
  /** Identifies the token request. The same request would bring no better token. */
  readonly question: string;
  /** Whether it was fetched for this request. */
  readonly fresh: boolean;
}

interface Refusal {
  readonly request: HttpRequest;
  /** The authorization that the registry refused. */
  readonly refused: Authorization | undefined;
  /** Called once the token request has been sent: a request that asks from then on shares its answer. */
  readonly onAsked?: () => void;
}

export interface Authenticator {
  /** Resolves with whether a credential exists for such a request. */
  isKnown(request: HttpRequest): Promise<boolean>;
  /**
   * Resolves with the authorization that such a request is known to need, or with undefined while the registry has
   * asked for none.
   */
  recall(request: HttpRequest): Promise<Authorization | undefined>;
  /**
   * Resolves with the authorization that the challenges of a refusal ask for, or with undefined when no better one
   * exists than the refused one.
   */
  answer(challenges: readonly Challenge[], refusal: Refusal): Promise<Authorization | undefined>;
}

export interface AuthenticatorOptions extends CredentialOptions {
  /** Sends token requests, without redirects and without credentials of its own. */
  readonly send: Send;
  /** Receives the secrets of the authorizations: the credentials and the tokens. */
  readonly secrets: Secrets;
  /** The name of this program for token services. Default `gantry`. */
  readonly clientId?: string | undefined;
}

/**
 * Finds the Authorization header for a request. Remembers the registry's challenges, the credentials and the tokens.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { registry, send, secrets, clientId = 'gantry', clock = systemClock } = options;
  const schemes = createAuthSchemes(registry, secrets);
  const credentials = createCredentials({ ...options, clock });
  const tokens = createTokenCache(clock);
  const service: TokenSource = { registry, send, secrets, clientId, clock, tokens, credentials };

  const authorize = async (
    scheme: AuthScheme,
    scopes: readonly string[],
    refusal: Refusal,
  ): Promise<Authorization | undefined> => {
    const identity = await credentials.identify(scheme, refusal.request);
    if (identity.credential !== undefined) secrets.add(secretsOf(identity.credential));
    const direct = withoutToken(scheme, identity, refusal.refused);
    if (direct !== 'needs a token') return direct;
    return scheme.kind === 'bearer' ? withToken(service, { scheme, scopes, identity }, refusal) : undefined;
  };

  return {
    async isKnown(request) {
      // The error is reported when the credential is needed.
      const credential = await credentials.of(request).catch(() => undefined);
      return credential !== undefined;
    },

    async recall(request) {
      const scheme = schemes.of(request);
      if (scheme === undefined) return undefined;
      // ECR Public requires the scope `aws` for every request and Forgejo the scope `*`; the scope of a resource
      // applies only to its own requests.
      const always = scheme.kind === 'bearer' ? scheme.scopes.filter((scope) => !scope.includes(':')) : [];
      const scopes = mergeScopes([...(request.scopes ?? []), ...always]);
      return await authorize(scheme, scopes, { request, refused: undefined });
    },

    async answer(challenges, refusal) {
      const { request, refused } = refusal;
      const scheme = schemes.learn(challenges, request);
      if (scheme === undefined) return undefined;
      if (refused !== undefined) {
        tokens.drop(refused.header.replace(/^Bearer /, ''));
        credentials.forget(request);
      }
      const asked = scheme.kind === 'bearer' ? scheme.scopes : [];
      return await authorize(scheme, mergeScopes([...(request.scopes ?? []), ...asked]), refusal);
    },
  };
}

/**
 * Returns the authorization from the credential alone, undefined if that cannot satisfy the scheme or was refused, or
 * `needs a token`.
 */
function withoutToken(
  scheme: AuthScheme,
  { credential }: Identity,
  refused: Authorization | undefined,
): Authorization | undefined | 'needs a token' {
  const isRegistryToken = credential?.kind === 'registry';
  if (!isRegistryToken && scheme.kind === 'bearer') return 'needs a token';
  if (!isRegistryToken && credential?.kind !== 'basic') return undefined;
  const header = isRegistryToken ? `Bearer ${credential.token}` : basicAuthorization(credential);
  // The same credential would be refused again.
  if (refused?.header === header) return undefined;
  return { header, question: header, fresh: true };
}

/** The parts of an authenticator that bring a token. */
interface TokenSource {
  readonly registry: string;
  readonly send: Send;
  readonly secrets: Secrets;
  readonly clientId: string;
  readonly clock: Clock;
  readonly tokens: TokenCache;
  readonly credentials: Pick<Credentials, 'shownTo'>;
}

interface TokenDemand {
  readonly scheme: Extract<AuthScheme, { readonly kind: 'bearer' }>;
  readonly scopes: readonly string[];
  readonly identity: Identity;
}

/** Bytes. A larger body takes long, so its token must remain valid for long. */
const longBody = 1024 * 1024;

/** Resolves with a token, or with undefined if the registry has refused one that was fetched by the same question. */
async function withToken(
  { registry, send, secrets, clientId, clock, tokens, credentials }: TokenSource,
  { scheme: { realm, service }, scopes, identity: { credential, missing } }: TokenDemand,
  { request, refused, onAsked }: Refusal,
): Promise<Authorization | undefined> {
  const own = credential?.kind === 'registry' ? undefined : credential;
  const shown = await credentials.shownTo(realm, request.url, own);
  const holder = JSON.stringify([realm, service, shown]);
  const question = JSON.stringify([holder, scopes]);
  if (refused?.fresh === true && refused.question === question) {
    if (missing !== undefined) throw missing;
    return undefined;
  }
  try {
    const asked = tokens.get({
      holder,
      scopes,
      lasting: request.body !== undefined && (request.body.size ?? longBody) >= longBody,
      signal: request.signal,
      fetch: (signal) =>
        fetchToken(
          { registry, realm, service, scopes, credential: shown, clientId, signal },
          { send, secrets, clock },
        ),
    });
    onAsked?.();
    const { token, fresh } = await asked;
    secrets.add([token.value]);
    return { header: `Bearer ${token.value}`, question, fresh };
  } catch (error) {
    throw missing !== undefined && error instanceof AuthError ? missing : error;
  }
}
