import { isGantryError } from '../../errors.ts';
import { collect } from '../../flow/collect.ts';
import { emptyContent } from '../../flow/content.ts';
import { isRepositoryName } from '../../spec/reference.ts';
import type { Clock } from '../../time/clock.ts';
import type { HttpRequest } from '../../wire/message.ts';
import { errorAnswer, jsonAnswer } from '../../wire/reply.ts';
import { catalogScope } from '../../wire/scope.ts';
import { noted, type ServedResponse } from '../exchange.ts';
import { parseAuthorization } from './authorization.ts';
import { basicChallenge, unauthorized } from './challenge.ts';
import type { PasswordCaller, PasswordCheck } from './password-check.ts';
import type { Rights } from './rules.ts';
import type { Grant, Tokens } from './tokens.ts';
import type { User } from './user-directory.ts';

export interface TokenServiceOptions {
  readonly passwords: PasswordCheck;
  readonly tokens: Tokens;
  readonly service: string;
  readonly rightsOf: (user: string | undefined) => Promise<Rights>;
  readonly clock: Clock;
  /** Milliseconds for the arrival of a form. */
  readonly formTime: number;
}

/** Bytes. Enough for names, passwords and scopes. */
const formLimit = 64 * 1024;
/** Further scopes are ignored: no push has that many sources. */
const maxScopes = 100;

/** A token request by GET or POST. */
interface Question {
  readonly params: URLSearchParams;
  /** `refused`: the credentials are wrong. */
  readonly holder: User | undefined | 'refused';
  /** Whether the client asks for a refresh token. */
  readonly offline: boolean;
  /** The presented refresh token, which the client may keep. */
  readonly refreshToken?: string;
}

/**
 * Issues tokens: GET with Basic or without a login, POST with a password or a refresh token. A token grants the allowed
 * part of the requested scopes, which may be nothing.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 * @see https://distribution.github.io/distribution/spec/auth/oauth/
 */
export async function answerTokenRequest(
  request: HttpRequest,
  options: TokenServiceOptions,
): Promise<ServedResponse> {
  const { method } = request;
  if (method !== 'GET' && method !== 'POST') {
    return errorAnswer('UNSUPPORTED', 'request tokens with GET or POST', {
      headers: { allow: ['GET, POST'] },
    });
  }
  const question = method === 'GET' ? await readQuery(request, options) : await readForm(request, options);
  if ('status' in question) return question;
  const { params, holder, offline } = question;
  const service = params.get('service');
  if (service !== null && service !== options.service)
    return refusal('the service in the request is not this registry');
  if (holder === 'refused') return unauthorized(basicChallenge);
  const rights = await options.rightsOf(holder?.name);
  // A token without any grant would only delay the request for a login.
  if (holder === undefined && !rights.some) return unauthorized(basicChallenge);
  const token = await options.tokens.issue(holder, grantsFor(params.getAll('scope'), rights));
  const refreshToken =
    holder === undefined || !offline
      ? question.refreshToken
      : (question.refreshToken ?? (await options.tokens.issueRefresh(holder)));
  const body = {
    token,
    access_token: token,
    expires_in: options.tokens.life,
    issued_at: new Date(options.clock.now()).toISOString(),
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
  };
  const response = jsonAnswer(200, body, { 'cache-control': ['no-store'] });
  return holder === undefined ? response : noted(response, { user: holder.name });
}

async function readQuery(request: HttpRequest, { passwords }: TokenServiceOptions): Promise<Question> {
  const mark = request.url.indexOf('?');
  const params = new URLSearchParams(mark < 0 ? '' : request.url.slice(mark + 1));
  const shown = parseAuthorization(request.headers);
  const offline = params.get('offline_token') === 'true';
  if (shown.kind === 'none') return { params, holder: undefined, offline };
  if (shown.kind !== 'basic') return { params, holder: 'refused', offline };
  const user = await passwords.check(shown.name, shown.password, callerOf(request));
  return { params, holder: user ?? 'refused', offline };
}

async function readForm(
  request: HttpRequest,
  { passwords, tokens, formTime }: TokenServiceOptions,
): Promise<Question | ServedResponse> {
  const bytes = await read(request, formTime);
  if (bytes === 'late') return refusal(`the form did not arrive within ${formTime} ms`, 408);
  if (bytes === 'long') return refusal(`the form has more than ${formLimit} bytes`, 413);
  const params = new URLSearchParams(new TextDecoder().decode(bytes));
  const offline = params.get('access_type') === 'offline';
  switch (params.get('grant_type')) {
    case 'password': {
      const [name, password] = [params.get('username') ?? '', params.get('password') ?? ''];
      const user = await passwords.check(name, password, callerOf(request));
      return { params, holder: user ?? 'refused', offline };
    }
    case 'refresh_token': {
      const refreshToken = params.get('refresh_token') ?? '';
      const user = await tokens.checkRefresh(refreshToken);
      return { params, holder: user ?? 'refused', offline, refreshToken };
    }
    default:
      return refusal('grant_type must be password or refresh_token');
  }
}

function callerOf({ arrival, signal }: HttpRequest): PasswordCaller {
  return { peer: arrival?.peer, signal };
}

/** A form arrives before any login. A client that sends it slowly must not hold the connection for longer. */
async function read(
  { body = emptyContent, signal }: HttpRequest,
  formTime: number,
): Promise<Uint8Array | 'late' | 'long'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), formTime);
  });
  try {
    const form = collect(body.open({ signal }), { limit: formLimit, what: 'the form' });
    return await Promise.race([form, late]);
  } catch (error) {
    if (isGantryError(error, 'TOO_LARGE')) return 'long';
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function refusal(message: string, status = 400): ServedResponse {
  return errorAnswer('UNSUPPORTED', message, { status });
}

/** Returns the allowed part of the requested scopes. Unknown scopes are left out. */
function grantsFor(texts: readonly string[], rights: Rights): readonly Grant[] {
  const scopes = texts.flatMap((text) => text.split(' ')).filter((text) => text !== '');
  return scopes.slice(0, maxScopes).flatMap((scope) => {
    if (scope === catalogScope) return [{ type: 'registry', name: 'catalog', actions: ['*'] }];
    const [, name = '', actions = ''] = /^repository:(.+):([^:]*)$/.exec(scope) ?? [];
    if (!isRepositoryName(name)) return [];
    const asked = actions.split(',');
    const granted = ['pull', 'push', 'delete'].filter(
      (action) => (asked.includes(action) || asked.includes('*')) && mayDo(rights, action, name),
    );
    return granted.length === 0 ? [] : [{ type: 'repository', name, actions: granted }];
  });
}

/**
 * Clients do not know `create`: their `push` covers both. The store decides at the put whether an existing tag may
 * move.
 */
function mayDo(rights: Rights, action: string, repository: string): boolean {
  switch (action) {
    case 'push':
      return rights.may('create', repository);
    case 'delete':
      return rights.may('delete', repository);
    default:
      return rights.may('pull', repository);
  }
}
