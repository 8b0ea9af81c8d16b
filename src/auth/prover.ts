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

/** An Authorization, and what it took to get it. */
export interface Proof {
  readonly authorization: string;
  /** What was asked for: the same again would bring no more. */
  readonly question: string;
  /** Whether it was got for this very request. */
  readonly fresh: boolean;
  /** What a far side that has seen it, or what it was got with, could repeat. */
  readonly secrets: readonly string[];
}

/** What a registry wants to see, by what it said before. */
type Demand =
  | { readonly kind: 'basic' }
  | {
      readonly kind: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      /** Those that the challenge named. */
      readonly scopes: readonly string[];
    };

interface Refusal {
  readonly request: HttpRequest;
  /** What the request was refused with. */
  readonly refused: Proof | undefined;
  /** Called once the question for a token has been put: a request that asks from then on shares its answer. */
  readonly onAsked?: () => void;
}

export interface Prover {
  /** Whether there is a credential for such a request. */
  isKnown(request: HttpRequest): Promise<boolean>;
  /** What is known to be wanted for such a request; undefined as long as the registry has asked for nothing. */
  recall(request: HttpRequest): Promise<Proof | undefined>;
  /** What the challenges of a refusal ask for; undefined if there is nothing better to show than what was refused. */
  answer(challenges: readonly Challenge[], refusal: Refusal): Promise<Proof | undefined>;
}

export interface ProverOptions {
  /** The registry's name, which the keychain knows it by: `docker.io`. */
  readonly registry: string;
  readonly keychain: Keychain;
  /** Sends token requests: a line that follows no redirects and knows no credentials. */
  readonly send: Send;
  /** What token services are told of the program that asks. Default `gantry`. */
  readonly clientId?: string;
  /** Hosts of token services that may be shown the credentials, besides those of the registry's own domain. */
  readonly trustedRealms?: readonly string[] | undefined;
  /** Told why a credential was not shown: each text once. */
  readonly warn?: (text: string) => void;
  readonly clock?: Clock;
}

/** From here on a body takes its time, and a token with it. Bytes. */
const longBody = 1024 * 1024;

/** Finds the proof for a request: remembers what the registry wants, who we are and what tokens we have. */
export function createProver(options: ProverOptions): Prover {
  const { registry, keychain, send, clientId = 'gantry', trustedRealms, clock = systemClock } = options;
  const warn = onceForEach(options.warn);
  const tokens = createTokenCache(clock);
  /** By repository, since Artifactory has a realm for each of its own; '' is what was wanted last. */
  const demands = new Map<string, Demand>();
  const credentials = createSingleFlight<string, Credential | undefined>({ keep: true });

  const credentialOf = (request: HttpRequest): Promise<Credential | undefined> => {
    const repository = repositoryOf(request);
    // A helper that failed once may have been unlocked by the next time: failures are not kept.
    return credentials.run(
      repository ?? '',
      (ended) => keychain(registry, repository, { signal: ended }),
      request,
    );
  };

  /** Who we are; nobody, where the helper that would know is not installed and that may do. */
  const identify = async (demand: Demand, request: HttpRequest): Promise<Identity> => {
    try {
      return { credential: await credentialOf(request) };
    } catch (error) {
      // A config file that came from another machine names helpers of there; public images can be read all the same.
      const { scopes = [] } = request;
      const mayDoWithout = demand.kind === 'bearer' && scopes.every((scope) => scope.endsWith(':pull'));
      if (!mayDoWithout || !isHelperMissing(error)) throw error;
      warn(`asked without credentials: ${error instanceof Error ? error.message : String(error)}`);
      return { credential: undefined, missing: error };
    }
  };

  /** What a token service gets to know of us: a stranger's gets what we want to read, but not who we are. */
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
      // Why it can't be found out is told when it is needed.
      const credential = await credentialOf(request).catch(() => undefined);
      return credential !== undefined;
    },

    async recall(request) {
      const demand = demands.get(repositoryOf(request) ?? '') ?? demands.get('');
      if (demand === undefined) return undefined;
      // ECR Public's `aws` and Forgejo's `*` are wanted of every request; a resource's scope only of its own.
      const always = demand.kind === 'bearer' ? demand.scopes.filter((scope) => !scope.includes(':')) : [];
      const scopes = mergeScopes([...(request.scopes ?? []), ...always]);
      return await prove(demand, scopes, { request, refused: undefined });
    },

    async answer(challenges, refusal) {
      const { request, refused } = refusal;
      // gcr.io has sent 401 without a challenge below /v2/: what it wanted before is still wanted.
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
  /** Why there is none, if it isn't that we have none. */
  readonly missing?: unknown;
}

function onceForEach(warn: (text: string) => void = () => undefined): (text: string) => void {
  const warned = new Set<string>();
  return (text) => {
    if (!warned.has(text)) warn(text);
    warned.add(text);
  };
}

/** A proof that doesn't change by asking again; undefined if it is the one that was refused. */
function standing(
  authorization: string,
  { refused, known }: { readonly refused: Proof | undefined; readonly known: readonly string[] },
): Proof | undefined {
  if (refused?.authorization === authorization) return undefined;
  return { authorization, question: authorization, fresh: true, secrets: known };
}

/** Bearer before Basic, which would show the password with every request. Throws CHALLENGE_INVALID if it is neither. */
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

/** The repository that a request is about, by its first scope that names one: the others are mount sources. */
function repositoryOf({ scopes = [] }: HttpRequest): string | undefined {
  for (const scope of scopes) {
    const name = /^repository:(.+):[^:]*$/.exec(scope)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}
