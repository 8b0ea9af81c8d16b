import { InputError } from '../../errors.ts';
import {
  amount,
  bytes,
  callback,
  checkOptions,
  having,
  object,
  type Shape,
  text,
} from '../../spec/options.ts';
import type { Registry } from '../../store/contract.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { headerLines } from '../../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../../wire/message.ts';
import { actionOf, type Operation } from '../../wire/operation.ts';
import { errorAnswer } from '../../wire/reply.ts';
import type { ServedResponse } from '../exchange.ts';
import { parseAuthorization } from './authorization.ts';
import { challengeAnswer, tokenPath } from './challenge.ts';
import { createOriginOf, type OriginOf } from './origin.ts';
import { createPasswordCheck, type PasswordCheck } from './password-check.ts';
import { fullRights, noRights, type Right, type Rights, type RuleSource, rightsOf } from './rules.ts';
import { createSigner } from './signer.ts';
import { answerTokenRequest } from './token-service.ts';
import { createTokens, type Grant, type Tokens } from './tokens.ts';
import type { UserDirectory } from './user-directory.ts';
import { sessionId, type Viewer, viewOf } from './view.ts';

/** Options of `createAccess`. */
export interface AccessOptions {
  /** The users that can log in. Without it no client can log in, and none has to. */
  readonly login?: UserDirectory | undefined;
  /**
   * The access rules. Default: with a login, users may do everything and anonymous clients nothing; without a login,
   * every client may do everything.
   */
  readonly rules?: RuleSource | undefined;
  /**
   * The key that signs tokens and upload sessions: at least 32 random secret bytes. With the same key they survive a
   * restart (`DiskRegistry.secret`). Default: a new key.
   */
  readonly key?: Uint8Array | undefined;
  /**
   * The address of the registry for clients, if it differs from the listener's: `https://registry.example`. Without a
   * known address the registry has no realm and asks for Basic instead of tokens.
   */
  readonly publicUrl?: string | undefined;
  /** Seconds until a token expires. Default 300. */
  readonly tokenLife?: number | undefined;
  /** Milliseconds for the arrival of a whole form with a password. Default 10 s. */
  readonly formTime?: number | undefined;
  /** The clock. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** The access check of a registry, for `createApp`. */
export interface Access {
  /** Whether clients log in. Without a login, a listener serves only this machine. */
  readonly guarded: boolean;
  /** Answers a token request. Resolves with undefined for every other request. */
  answer(request: HttpRequest): Promise<ServedResponse | undefined>;
  /** Checks an operation of the registry. Throws DENIED, BLOB_UPLOAD_UNKNOWN and the errors of the login. */
  enter(request: HttpRequest, operation: Operation): Promise<Entrance>;
}

/** The outcome of an access check. */
export type Entrance =
  | {
      /** Tells the outcomes apart. */
      readonly kind: 'refused';
      /** The response to the caller. */
      readonly response: HttpResponse;
      /** The user that the caller claims to be. */
      readonly user?: string | undefined;
    }
  | {
      /** Tells the outcomes apart. */
      readonly kind: 'entered';
      /** The user that logged in; `undefined` for an anonymous caller. */
      readonly user?: string | undefined;
      /** Returns the registry as this caller may use it. */
      readonly view: (registry: Registry) => Registry;
    };

/** Seconds. A longer life would outlast changes of rules and users; some clients do not accept less than a minute. */
const defaultLife = 300;
const minKey = 32;
/** Milliseconds. Enough for 64 KiB on a very slow connection. */
const defaultFormTime = 10_000;

const shape: Shape<AccessOptions> = {
  login: having('a login from openHtpasswd', 'find', 'check'),
  rules: callback,
  key: bytes,
  publicUrl: text,
  tokenLife: amount,
  formTime: amount,
  clock: object,
};

/**
 * Creates the access check. Throws INVALID_OPTION for a short key, an invalid public URL, or a life that is not a
 * number of seconds.
 */
export function createAccess(options: AccessOptions = {}): Access {
  checkOptions('createAccess', options, shape);
  const { login, key = crypto.getRandomValues(new Uint8Array(minKey)), tokenLife = defaultLife } = options;
  if (key.byteLength < minKey)
    throw new InputError('INVALID_OPTION', `key must have at least ${minKey} bytes`);
  if (!Number.isSafeInteger(tokenLife) || tokenLife < 1) {
    throw new InputError('INVALID_OPTION', 'tokenLife must be a whole number of seconds from 1');
  }
  const originOf = createOriginOf(options.publicUrl);
  return login === undefined
    ? openAccess(options.rules, key)
    : guardedAccess({ ...options, login, key, tokenLife, originOf });
}

function openAccess(rules: RuleSource | undefined, key: Uint8Array): Access {
  const shared = { signer: createSigner(key, 'upload sessions') };
  return {
    guarded: false,
    answer: async () => undefined,
    async enter(_, operation) {
      if (rules === undefined) return { kind: 'entered', view: (registry) => registry };
      const rights = rightsOf(await rules(), undefined);
      const viewer = { ...shared, rights, user: undefined };
      return mayDo(operation, rights) ? await entered(operation, viewer) : denied(operation, undefined);
    },
  };
}

interface GuardOptions extends AccessOptions {
  readonly login: UserDirectory;
  readonly key: Uint8Array;
  readonly tokenLife: number;
  readonly originOf: OriginOf;
}

function guardedAccess({ login, key, rules, originOf, tokenLife, ...options }: GuardOptions): Access {
  const { clock = systemClock, formTime = defaultFormTime } = options;
  const name = options.publicUrl === undefined ? 'gantry' : new URL(options.publicUrl).host;
  const tokens = createTokens({ key, service: name, login, life: tokenLife, clock });
  const passwords = createPasswordCheck(login, { key, clock });
  const shared = { signer: createSigner(key, 'upload sessions') };
  const rightsFor = async (user: string | undefined): Promise<Rights> => {
    if (rules !== undefined) return rightsOf(await rules(), user);
    return user === undefined ? noRights : fullRights;
  };
  const service = { passwords, tokens, service: name, rightsOf: rightsFor, clock, formTime };
  return {
    guarded: true,
    async answer(request) {
      const [path] = request.url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split('?', 1);
      if (path !== tokenPath) return undefined;
      return await answerTokenRequest(request, service);
    },
    async enter(request, operation) {
      const ask = (error?: 'invalid_token' | 'insufficient_scope'): HttpResponse =>
        challengeAnswer({ origin: originOf(request), service: name, operation, error });
      const caller = await identify(request, { passwords, tokens });
      if (caller === undefined)
        return { kind: 'refused', response: ask(isBearer(request) ? 'invalid_token' : undefined) };
      const { user, grants } = caller;
      const rights = await rightsFor(user);
      // An anonymous success here would keep a client from sending its login.
      const isBare = user === undefined && grants === undefined;
      if (isBare && (operation.kind === 'ping' || operation.kind === 'catalog')) {
        return { kind: 'refused', response: ask() };
      }
      if (!mayDo(operation, rights)) {
        return user === undefined ? { kind: 'refused', response: ask() } : denied(operation, user);
      }
      if (grants !== undefined && !covers(grants, operation)) {
        return { kind: 'refused', response: ask('insufficient_scope'), user };
      }
      return await entered(operation, { ...shared, rights, user });
    },
  };
}

interface Caller {
  /** Undefined for an anonymous caller. */
  readonly user: string | undefined;
  /** The grants of the presented token, if any. */
  readonly grants?: readonly Grant[];
}

/** Identifies the caller of each request. Resolves with undefined when its credentials are wrong. */
async function identify(
  { headers, arrival, signal }: HttpRequest,
  { passwords, tokens }: { readonly passwords: PasswordCheck; readonly tokens: Tokens },
): Promise<Caller | undefined> {
  const shown = parseAuthorization(headers);
  switch (shown.kind) {
    case 'none':
      return { user: undefined };
    case 'basic': {
      const user = await passwords.check(shown.name, shown.password, { peer: arrival?.peer, signal });
      return user === undefined ? undefined : { user: user.name };
    }
    case 'bearer':
      return await tokens.check(shown.token);
    case 'other':
      return undefined;
    default:
      return shown satisfies never;
  }
}

function isBearer({ headers }: HttpRequest): boolean {
  return headerLines(headers, 'authorization').some((line) => /^bearer /i.test(line));
}

/** Admits the caller, unless the upload session belongs to another one. */
async function entered(operation: Operation, viewer: Viewer): Promise<Entrance> {
  const { user } = viewer;
  // Checked before the caller waits for the session or is counted as its user.
  if (isSession(operation)) await sessionId(operation.repository, operation.id, viewer);
  return { kind: 'entered', user, view: (registry) => viewOf(registry, viewer) };
}

function isSession(operation: Operation): operation is Extract<Operation, { readonly id: string }> {
  return 'id' in operation;
}

/** Refuses with the same answer whether the repository exists or not. */
function denied(operation: Operation, user: string | undefined): Entrance {
  const right = rightFor(operation);
  const what = 'repository' in operation ? `${right} in ${operation.repository}` : 'anything here';
  return { kind: 'refused', response: errorAnswer('DENIED', `not allowed to ${what}`), user };
}

/**
 * Returns the right that an operation needs at least. For a put, the store decides later whether its tags may be set.
 */
function rightFor({ kind }: Operation): Right | undefined {
  const action = actionOf(kind);
  return action === 'push' ? 'create' : action;
}

function mayDo(operation: Operation, rights: Rights): boolean {
  const right = rightFor(operation);
  // The catalog lists only readable repositories. The ping shows nothing: it tells a client whether its login is right.
  if (right === undefined || !('repository' in operation)) return true;
  return rights.may(right, operation.repository);
}

/** Returns whether the token was issued for this repository and this action. */
function covers(grants: readonly Grant[], operation: Operation): boolean {
  if (operation.kind === 'ping') return true;
  const [type, name] =
    'repository' in operation ? ['repository', operation.repository] : ['registry', 'catalog'];
  const action = actionOf(operation.kind) ?? '*';
  return grants.some((grant) => grant.type === type && grant.name === name && grant.actions.includes(action));
}
