import { AuthError } from '../errors.ts';
import type { HttpRequest } from '../wire/message.ts';
import { redactWords } from '../wire/redact.ts';
import { scopedRepository } from '../wire/scope.ts';
import type { Secrets } from '../wire/secrets.ts';
import type { Challenge } from './challenge.ts';
import { resolveRealm } from './realm.ts';

/** The authentication that a registry asks for. */
export type AuthScheme =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      /** The scopes from the challenge. */
      readonly scopes: readonly string[];
    };

/** The schemes that a registry has asked for. */
export interface AuthSchemes {
  /** Returns the scheme for the repository of the request, or else the last scheme that the registry asked for. */
  of(request: HttpRequest): AuthScheme | undefined;
  /**
   * Remembers the scheme that the challenges ask for, and returns it. Without a challenge, returns the last one.
   * Throws CHALLENGE_INVALID.
   */
  learn(challenges: readonly Challenge[], request: HttpRequest): AuthScheme | undefined;
}

export function createAuthSchemes(registry: string, { all: secrets }: Secrets): AuthSchemes {
  /** By repository, since each repository of Artifactory has its own realm. */
  const schemes = new Map<string | undefined, AuthScheme>();
  let last: AuthScheme | undefined;
  return {
    of: ({ scopes }) => schemes.get(scopedRepository(scopes)) ?? last,
    learn(challenges, request) {
      // gcr.io has sent 401 without a challenge below /v2/: its earlier challenge is still valid.
      const scheme = schemeOf(challenges, { request, registry, secrets }) ?? last;
      if (scheme === undefined) return undefined;
      last = scheme;
      schemes.set(scopedRepository(request.scopes), scheme);
      return scheme;
    },
  };
}

interface Context {
  readonly request: HttpRequest;
  readonly registry: string;
  readonly secrets: readonly string[];
}

/**
 * Prefers Bearer to Basic, which would send the password with every request. Throws CHALLENGE_INVALID when neither is
 * offered.
 */
function schemeOf(
  challenges: readonly Challenge[],
  { request, registry, secrets }: Context,
): AuthScheme | undefined {
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) {
    const { service, scope = '' } = bearer.parameters;
    const scopes = scope.split(/\s+/).filter((text) => text !== '');
    const realm = resolveRealm(bearer, { requestUrl: request.url, registry, secrets });
    return { kind: 'bearer', realm, service, scopes };
  }
  if (challenges.some(({ scheme }) => scheme === 'basic')) return { kind: 'basic' };
  if (challenges.length === 0) return undefined;
  const schemes = redactWords(challenges.map(({ scheme }) => scheme).join(', '), secrets);
  throw new AuthError('CHALLENGE_INVALID', `${registry} wants ${schemes}: only Bearer and Basic are known`, {
    registry,
  });
}
