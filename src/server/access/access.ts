import { InputError } from '../../errors.ts';
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
import { everything, nothing, type Right, type Rights, type RuleSource, rightsOf } from './rules.ts';
import { createSigner } from './signer.ts';
import { answerTokenRequest } from './token-service.ts';
import { createTokens, type Grant, type Tokens } from './tokens.ts';
import type { UserDirectory } from './user-directory.ts';
import { sessionId, type Viewer, viewOf } from './view.ts';

export interface AccessOptions {
  /** Who can log in. Without it nobody can, and nobody has to. */
  readonly login?: UserDirectory;
  /** Who may do what. Default: with a login, users may do everything and others nothing; without one, everybody may. */
  readonly rules?: RuleSource;
  /**
   * What tokens and upload sessions are marked with, at least 32 random bytes that nobody else knows: with the same key
   * they outlive the process (`DiskRegistry.secret`). Default: a new one.
   */
  readonly key?: Uint8Array;
  /**
   * The address that clients reach the registry by, where it is not the listener's own: `https://registry.example`.
   * Where we know no address we can name no realm, and ask for Basic instead of tokens.
   */
  readonly publicUrl?: string;
  /** Seconds that a token is good for. Default 300. */
  readonly tokenLife?: number;
  /** Milliseconds that a form with a password may take to arrive in all. Default 10 s. */
  readonly formTime?: number;
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** Who may do what with a registry, for `createApp`. */
export interface Access {
  /** Whether there is a login: without one, a listener keeps to this machine. */
  readonly guarded: boolean;
  /** The answer to what is no operation of the registry: a question for a token. */
  answer(request: HttpRequest): Promise<ServedResponse | undefined>;
  /** The one check of all that is asked of the registry. Throws DENIED, BLOB_UPLOAD_UNKNOWN and what the login throws. */
  enter(request: HttpRequest, operation: Operation): Promise<Entrance>;
}

export type Entrance =
  | { readonly kind: 'refused'; readonly response: HttpResponse; readonly user?: string | undefined }
  | {
      readonly kind: 'entered';
      readonly user?: string | undefined;
      /** The registry as this caller may use it. */
      readonly view: (registry: Registry) => Registry;
    };

/** Longer ones would outlive what rules and users become; shorter ones than a minute some clients don't believe. Seconds. */
const defaultLife = 300;
const minKey = 32;
/** 64 KiB come in that time over the slowest of lines. Milliseconds. */
const defaultFormTime = 10_000;

/** Throws INVALID_OPTION for a short key, a public URL that is none, or a life that is no number of seconds. */
export function createAccess(options: AccessOptions = {}): Access {
  const { login, key = crypto.getRandomValues(new Uint8Array(minKey)), tokenLife = defaultLife } = options;
  if (key.byteLength < minKey) throw new InputError('INVALID_OPTION', `a key has at least ${minKey} bytes`);
  if (!Number.isSafeInteger(tokenLife) || tokenLife < 1) {
    throw new InputError('INVALID_OPTION', 'the life of a token is a number of seconds');
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
    return user === undefined ? nothing : everything;
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
      // What is the same for everybody would keep who has a login from showing it.
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
  /** undefined: nobody who has logged in. */
  readonly user: string | undefined;
  /** What the token is good for, where it was a token that was shown. */
  readonly grants?: readonly Grant[];
}

/** Who asks, anew for each request; undefined if it is not who they say. */
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

/** Lets in who may, unless the upload session is somebody else's. */
async function entered(operation: Operation, viewer: Viewer): Promise<Entrance> {
  const { user } = viewer;
  // Before anybody waits for the session or is counted as its user.
  if (isSession(operation)) await sessionId(operation.repository, operation.id, viewer);
  return { kind: 'entered', user, view: (registry) => viewOf(registry, viewer) };
}

function isSession(operation: Operation): operation is Extract<Operation, { readonly id: string }> {
  return 'id' in operation;
}

/** The same whether the repository is there or not. */
function denied(operation: Operation, user: string | undefined): Entrance {
  const right = rightFor(operation);
  const what = 'repository' in operation ? `${right} in ${operation.repository}` : 'anything here';
  return { kind: 'refused', response: errorAnswer('DENIED', `not allowed to ${what}`), user };
}

/** What an operation needs; for a put the least, since what becomes of its tags is settled when they are looked at. */
function rightFor({ kind }: Operation): Right | undefined {
  const action = actionOf(kind);
  return action === 'push' ? 'create' : action;
}

function mayDo(operation: Operation, rights: Rights): boolean {
  const right = rightFor(operation);
  // The catalog shows what can be pulled, and the ping nothing: it tells a client whether its login is right.
  if (right === undefined || !('repository' in operation)) return true;
  return rights.may(right, operation.repository);
}

/** Whether the token was given out for this: for the very repository, and for what is done with it. */
function covers(grants: readonly Grant[], operation: Operation): boolean {
  if (operation.kind === 'ping') return true;
  const [type, name] =
    'repository' in operation ? ['repository', operation.repository] : ['registry', 'catalog'];
  const action = actionOf(operation.kind) ?? '*';
  return grants.some((grant) => grant.type === type && grant.name === name && grant.actions.includes(action));
}
