import type { Content } from '../flow/content.ts';
import { drainBody } from '../http/drain.ts';
import { originOf } from '../http/origin.ts';
import { headerLines } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';
import { type AuthenticatorOptions, type Authorization, createAuthenticator } from './authenticator.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { createFirstRequest } from './first-request.ts';

export interface AuthorizeOptions extends AuthenticatorOptions {
  /** The only origin that receives credentials: `https://registry-1.docker.io`. */
  readonly origin: string;
}

/**
 * Tries with a header: one with the known challenge, one with the new challenge, and one if that challenge asks for
 * more. A first request without a header does not count: it only fetches the challenge.
 */
const maxTries = 3;

/**
 * Authenticates the requests to one registry. The first request is sent without credentials, and its 401 contains the
 * challenge. Later requests get their header at once. Requests that begin before the first answer wait for it if a
 * credential exists, because they would be refused, too. Without a credential they are sent at once, because most
 * registries without a login are open.
 *
 * A refused request is sent again with a new header unless its body is used up; the last refusal is the answer.
 * Requests to another origin and requests with an Authorization header of their own pass unchanged. Throws
 * CHALLENGE_INVALID, HELPER_FAILED, and UNAUTHORIZED or DENIED when the token service refuses.
 */
export function createAuthorize({ origin, ...options }: AuthorizeOptions): Middleware {
  const authenticator = createAuthenticator(options);
  const { secrets } = options;
  const ours = originOf(origin);
  const firstRequest = createFirstRequest((request) => authenticator.isKnown(request), options.clock);

  return (next) => async (request) => {
    if (originOf(targetOf(request)) !== ours || headerLines(request.headers, 'authorization').length > 0) {
      return await next(request);
    }
    const body = request.body && watchedBody(request.body);
    const tellOthers = await firstRequest(request);
    let answered = false;
    try {
      let authorization = await authenticator.recall(request);
      for (let tries = authorization === undefined ? 0 : 1; ; tries++) {
        const sent = withAuthorization(body === undefined ? request : { ...request, body }, authorization);
        const response = await next(sent);
        answered = true;
        if (!isRefused(response) || tries === maxTries || body?.isUsedUp() === true) return response;
        // The other requests continue once the token request is sent: if the token serves them, too, they wait for the
        // same one.
        const onAsked = (): void => tellOthers(true);
        const better = await authenticator.answer(challengesOf(response, secrets.all), {
          request,
          refused: authorization,
          onAsked,
        });
        tellOthers(true);
        if (better === undefined) return response;
        await drainBody(response.body);
        authorization = better;
      }
    } finally {
      tellOthers(answered);
    }
  };
}

function withAuthorization(request: HttpRequest, authorization: Authorization | undefined): HttpRequest {
  if (authorization === undefined) return request;
  return { ...request, headers: { ...request.headers, authorization: [authorization.header] } };
}

function challengesOf({ headers }: HttpResponse, secrets: readonly string[]): readonly Challenge[] {
  return parseChallenges(headerLines(headers, 'www-authenticate'), secrets);
}

/** A 403 is final, unless it asks for a token with more scopes. */
function isRefused(response: HttpResponse): boolean {
  if (response.status === 401) return true;
  const lines = response.status === 403 ? headerLines(response.headers, 'www-authenticate') : [];
  return lines.some((line) => /insufficient_scope/i.test(line));
}

function watchedBody(content: Content): Content & { isUsedUp(): boolean } {
  let opened = false;
  return {
    ...content,
    open(options) {
      opened = true;
      return content.open(options);
    },
    isUsedUp: () => opened && !content.replayable,
  };
}
