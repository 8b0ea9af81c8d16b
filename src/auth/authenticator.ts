import { AuthError } from '../errors.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import { trustsRealm } from '../http/realm-trust.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
import { isHelperMissing } from '../keychain/helper-missing.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, Send } from '../wire/message.ts';
import { redactWords } from '../wire/redact.ts';
import { mergeScopes } from '../wire/scope.ts';
import { createTokenCache } from './cache.ts';
import type { Challenge } from './challenge.ts';
import { resolveRealm } from './realm.ts';
import { basicAuthorization, secretsOf } from './secrets.ts';
import { fetchToken } from './token.ts';

/** An Authorization header and its origin. */
export interface Proof {
  readonly authorization: string;
  /** Identifies the token request. The same request would bring no better token. */
  readonly question: string;
  /** Whether it was fetched for this request. */
  readonly fresh: boolean;
  /** The secret parts that a server could repeat after it has received the header or the token request. */
  readonly secrets: readonly string[];
}

/** The authentication that a registry asked for before. */
type Demand =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      /** The scopes from the challenge. */
      readonly scopes: readonly string[];
    };

interface Refusal {
  readonly request: HttpRequest;
  /** The header that the registry refused. */
  readonly refused: Proof | undefined;
  /** Called once the token request has been sent: a request that asks from then on shares its answer. */
  readonly onAsked?: () => void;
}

export interface Prover {
  /** Resolves with whether a credential exists for such a request. */
  isKnown(request: HttpRequest): Promise<boolean>;
  /**
   * Resolves with the header that such a request is known to need, or with undefined while the registry has asked for
   * none.
   */
  recall(request: HttpRequest): Promise<Proof | undefined>;
  /**
   * Resolves with the header that the challenges of a refusal ask for, or with undefined when no better one exists than
   * the refused one.
   */
  answer(challenges: readonly Challenge[], refusal: Refusal): Promise<Proof | undefined>;
}

export interface ProverOptions {
  /** The name of the registry for the keychain, such as `docker.io`. */
  readonly registry: string;
  readonly keychain: Keychain;
  /** Sends token requests, without redirects and without credentials of its own. */
  readonly send: Send;
  /** The name of this program for token services. Default `gantry`. */
  readonly clientId?: string;
  /** Hosts of token services that may receive the credentials, besides those in the registry's own domain. */
  readonly trustedRealms?: readonly string[] | undefined;
  /** Called with the reason when a credential was not sent, once for each text. */
  readonly warn?: (text: string) => void;
  readonly clock?: Clock;
}

/** Bytes. A larger body takes long, so its token must remain valid for long. */
const longBody = 1024 * 1024;

/**
 * Finds the Authorization header for a request. Remembers the registry's challenges, the credentials and the tokens.
 */
export function createProver(options: ProverOptions): Prover {
  const { registry, keychain, send, clientId = 'gantry', trustedRealms, clock = systemClock } = options;
  const warn = onceForEach(options.warn);
  const tokens = createTokenCache(clock);
  /** By repository, since each repository of Artifactory has its own realm. The key '' has the last challenge. */
  const demands = new Map<string, Demand>();
  const credentials = createSingleFlight<string, Credential | undefined>({ keep: true });

  const credentialOf = (request: HttpRequest): Promise<Credential | undefined> => {
    const repository = repositoryOf(request);
    // Failures are not kept: the user may unlock the helper before the next request.
    return credentials.run(
      repository ?? '',
      (ended) => keychain(registry, repository, { signal: ended }),
      request,
    );
  };

  /**
   * Resolves with the credential of the user. Resolves without one when the helper is not installed and anonymous
   * access may suffice.
   */
  const identify = async (demand: Demand, request: HttpRequest): Promise<Identity> => {
    try {
      return { credential: await credentialOf(request) };
    } catch (error) {
      // A config file from another machine can name helpers that are missing here. Public images can still be read.
      const { scopes = [] } = request;
      const mayDoWithout = demand.kind === 'bearer' && scopes.every((scope) => scope.endsWith(':pull'));
      if (!mayDoWithout || !isHelperMissing(error)) throw error;
      warn(`asked without credentials: ${error instanceof Error ? error.message : String(error)}`);
      return { credential: undefined, missing: error };
    }
  };

  /**
   * Returns the credential that a token service may receive: an untrusted one gets the scopes of the request, but no
   * credential.
   */
  const shownTo = async (
    realm: string,
    url: string,
    credential: Exclude<Credential, { kind: 'registry' }> | undefined,
  ): Promise<typeof credential> => {
    if (credential === undefined || (await trustsRealm(url, realm, trustedRealms))) return credential;
    warn(`its tokens come from ${new URL(realm).host}, which sees your credentials only as a trusted realm`);
    return undefined;
  };

  const prove = async (
    demand: Demand,
    scopes: readonly string[],
    { request, refused, onAsked }: Refusal,
  ): Promise<Proof | undefined> => {
    const { credential, missing } = await identify(demand, request);
    const known = credential === undefined ? [] : secretsOf(credential);
    if (credential?.kind === 'registry') return standing(`Bearer ${credential.token}`, { refused, known });
    if (demand.kind === 'basic') {
      return credential?.kind === 'basic'
        ? standing(basicAuthorization(credential), { refused, known })
        : undefined;
    }
    const { realm, service } = demand;
    const shown = await shownTo(realm, request.url, credential);
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
            { send, clock },
          ),
      });
      onAsked?.();
      const { token, fresh } = await asked;
      return { authorization: `Bearer ${token.value}`, question, fresh, secrets: [token.value, ...known] };
    } catch (error) {
      throw missing !== undefined && error instanceof AuthError ? missing : error;
    }
  };

  return {
    async isKnown(request) {
      // The error is reported when the credential is needed.
      const credential = await credentialOf(request).catch(() => undefined);
      return credential !== undefined;
    },

    async recall(request) {
      const demand = demands.get(repositoryOf(request) ?? '') ?? demands.get('');
      if (demand === undefined) return undefined;
      // ECR Public requires the scope `aws` for every request and Forgejo the scope `*`; the scope of a resource
      // applies only to its own requests.
      const always = demand.kind === 'bearer' ? demand.scopes.filter((scope) => !scope.includes(':')) : [];
      const scopes = mergeScopes([...(request.scopes ?? []), ...always]);
      return await prove(demand, scopes, { request, refused: undefined });
    },

    async answer(challenges, refusal) {
      const { request, refused } = refusal;
      // gcr.io has sent 401 without a challenge below /v2/: its earlier challenge is still valid.
      const demand =
        demandOf(challenges, { request, registry, secrets: refused?.secrets }) ?? demands.get('');
      if (demand === undefined) return undefined;
      demands.set('', demand).set(repositoryOf(request) ?? '', demand);
      if (refused !== undefined) {
        tokens.drop(refused.authorization.replace(/^Bearer /, ''));
        credentials.forget(repositoryOf(request) ?? '');
      }
      const asked = demand.kind === 'bearer' ? demand.scopes : [];
      return await prove(demand, mergeScopes([...(request.scopes ?? []), ...asked]), refusal);
    },
  };
}

interface Identity {
  readonly credential: Credential | undefined;
  /** The reason of a missing credential, unless the user has none. */
  readonly missing?: unknown;
}

function onceForEach(warn: (text: string) => void = () => undefined): (text: string) => void {
  const warned = new Set<string>();
  return (text) => {
    if (!warned.has(text)) warn(text);
    warned.add(text);
  };
}

/** Returns a header that a further request would not change, or undefined if it is the refused one. */
function standing(
  authorization: string,
  { refused, known }: { readonly refused: Proof | undefined; readonly known: readonly string[] },
): Proof | undefined {
  if (refused?.authorization === authorization) return undefined;
  return { authorization, question: authorization, fresh: true, secrets: known };
}

/**
 * Prefers Bearer to Basic, which would send the password with every request. Throws CHALLENGE_INVALID when neither is
 * offered.
 */
function demandOf(
  challenges: readonly Challenge[],
  {
    request,
    registry,
    secrets,
  }: {
    readonly request: HttpRequest;
    readonly registry: string;
    readonly secrets: readonly string[] | undefined;
  },
): Demand | undefined {
  const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
  if (bearer !== undefined) {
    const { service, scope = '' } = bearer.parameters;
    const scopes = scope.split(/\s+/).filter((text) => text !== '');
    return {
      kind: 'bearer',
      realm: resolveRealm(bearer, { requestUrl: request.url, registry, secrets }),
      service,
      scopes,
    };
  }
  if (challenges.some(({ scheme }) => scheme === 'basic')) return { kind: 'basic' };
  if (challenges.length === 0) return undefined;
  const schemes = redactWords(challenges.map(({ scheme }) => scheme).join(', '), secrets);
  throw new AuthError('CHALLENGE_INVALID', `${registry} wants ${schemes}: only Bearer and Basic are known`, {
    registry,
  });
}

/** Returns the repository of a request, from its first scope that names one: the other scopes are mount sources. */
function repositoryOf({ scopes = [] }: HttpRequest): string | undefined {
  for (const scope of scopes) {
    const name = /^repository:(.+):[^:]*$/.exec(scope)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}
