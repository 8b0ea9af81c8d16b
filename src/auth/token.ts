import { AuthError, type GantryError, ResponseError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { drainBody } from '../http/drain.ts';
import { wholeAnswer } from '../http/whole-answer.ts';
import { parseJson } from '../json/parse.ts';
import type { Credential } from '../keychain/credential.ts';
import type { Clock } from '../time/clock.ts';
import { readError } from '../wire/error-body.ts';
import type { HeaderMap, HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import type { Secrets } from '../wire/secrets.ts';
import { basicAuthorization, basicOf } from './secrets.ts';

/** A bearer token from a token service. */
export interface Token {
  readonly value: string;
  /** Milliseconds since 1970, on the local clock. */
  readonly expires: number;
}

/** The parameters of a token request. */
export interface TokenRequest {
  readonly registry: string;
  /** Absolute URL of the token service. */
  readonly realm: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  /** Without a credential the token is anonymous. */
  readonly credential: Credential | undefined;
  readonly clientId: string;
  readonly signal: AbortSignal;
}

/** JWTs with hundreds of grants have tens of KiB. */
const replyLimit = 128 * 1024;
/** Seconds. The specification's default for an answer without `expires_in`. */
const defaultLife = 60;
/** Statuses with which token services report that they do not support POST. */
const postUnknown = [400, 404, 405, 501];

/**
 * Fetches a token: by POST for an identity token, otherwise by GET, with Basic authentication for a user and password.
 * Throws UNAUTHORIZED, DENIED, CHALLENGE_INVALID (an answer without a token), TOO_LARGE, TOOMANYREQUESTS,
 * UNEXPECTED_STATUS.
 * @see https://distribution.github.io/distribution/spec/auth/token/
 */
export async function fetchToken(
  request: TokenRequest,
  { send, secrets, clock }: { readonly send: Send; readonly secrets: Secrets; readonly clock: Clock },
): Promise<Token> {
  const asked = clock.now();
  return wholeAnswer(
    async ({ signal, watch }) => {
      const { sent, response } = await askService({ ...request, signal }, send);
      if (response.status !== 200) throw await refusal(response, { ...sent, secrets: secrets.all }, request);
      return readToken(watch(response), { request, asked });
    },
    { clock, signal: request.signal },
  );
}

/** Sends the POST for an identity token, and the GET for any other credential or if the service knows no POST. */
async function askService(
  request: TokenRequest,
  send: Send,
): Promise<{ readonly sent: HttpRequest; readonly response: HttpResponse }> {
  if (request.credential?.kind === 'identity') {
    const sent = postRequest(request, request.credential.token);
    const response = await send(sent);
    if (!postUnknown.includes(response.status)) return { sent, response };
    await drainBody(response.body);
  }
  const sent = getRequest(request);
  return { sent, response: await send(sent) };
}

function getRequest(request: TokenRequest): HttpRequest {
  const { realm, credential, service, scopes, clientId } = request;
  const basic = credential?.kind === 'registry' ? undefined : basicOf(credential);
  const query = [
    ...(service === undefined ? [] : [`service=${encodeURIComponent(service)}`]),
    ...scopes.map((scope) => `scope=${encodeURIComponent(scope)}`),
    `client_id=${encodeURIComponent(clientId)}`,
    ...(basic === undefined ? [] : [`account=${encodeURIComponent(basic.username)}`]),
  ];
  return {
    method: 'GET',
    url: `${realm}${realm.includes('?') ? '&' : '?'}${query.join('&')}`,
    headers: { ...plain, ...(basic === undefined ? {} : { authorization: [basicAuthorization(basic)] }) },
    replay: 'safe',
    signal: request.signal,
  };
}

function postRequest(
  { realm, service, scopes, clientId, signal }: TokenRequest,
  refreshToken: string,
): HttpRequest {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
  });
  if (service !== undefined) form.set('service', service);
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  return {
    method: 'POST',
    url: realm,
    headers: { ...plain, 'content-type': ['application/x-www-form-urlencoded'] },
    body: bytesContent(new TextEncoder().encode(form.toString())),
    replay: 'safe',
    signal,
  };
}

const plain: HeaderMap = { accept: ['application/json'], 'accept-encoding': ['identity'] };

async function refusal(
  response: HttpResponse,
  sent: HttpRequest,
  request: TokenRequest,
): Promise<GantryError> {
  const { registry, scopes, realm } = request;
  const scope = scopes.join(' ');
  const error = await readError(response, {
    request: sent,
    what: `token for ${registry} from ${new URL(realm).host}`,
    kind: 'ping',
    registry,
    scope,
  });
  if (error instanceof AuthError || error.code === 'TOOMANYREQUESTS') return error;
  // A missing token service must not look like a missing repository.
  return new ResponseError('UNEXPECTED_STATUS', error.message, { response: error.response });
}

async function readToken(
  response: HttpResponse,
  { request: { registry, realm }, asked }: { readonly request: TokenRequest; readonly asked: number },
): Promise<Token> {
  const what = `token reply of ${new URL(realm).host}`;
  const bytes = await collect(response.body, { limit: replyLimit, what });
  const reply = parseReply(bytes, what);
  const value = [reply['access_token'], reply['token']].find(
    (token) => typeof token === 'string' && token !== '',
  );
  // A line break in the token would begin a new header.
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new AuthError('CHALLENGE_INVALID', `${what} contains no valid token`, { registry });
  }
  // Some token services write the number as a string.
  const life = Number(reply['expires_in']);
  const seconds = life > 0 && Number.isFinite(life) ? life : defaultLife;
  return { value, expires: issuedAt(reply['issued_at'], { asked, life: seconds * 1000 }) + seconds * 1000 };
}

/**
 * Returns the start of the token's life. An `issued_at` in the future, or one with which the token would already have
 * expired, comes from a clock that differs from the local one; the time of the request is used instead.
 */
function issuedAt(text: unknown, { asked, life }: { readonly asked: number; readonly life: number }): number {
  const issued = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return issued <= asked && issued + life > asked ? issued : asked;
}

function parseReply(bytes: Uint8Array, what: string): Readonly<Record<string, unknown>> {
  try {
    const reply = parseJson(bytes, { what });
    return typeof reply === 'object' && reply !== null ? { ...reply } : {};
  } catch {
    // The web page of a captive portal has no token, like an empty object.
    return {};
  }
}
