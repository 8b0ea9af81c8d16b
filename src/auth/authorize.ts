import type { Content } from '../flow/content.ts';
import { drain } from '../http/drain.ts';
import { originOf } from '../http/origin.ts';
import { headerLines } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { createProver, type Proof, type ProverOptions } from './prover.ts';
import { createScout } from './scout.ts';

export interface AuthorizeOptions extends ProverOptions {
  /** The only origin that is shown credentials: `https://registry-1.docker.io`. */
  readonly origin: string;
}

/** A first try with what is known, one with what the challenge asks for, one in case that asked for more. */
const maxTries = 3;

/**
 * Shows the registry who is asking. Nothing is asked in advance: the first request goes out bare, and its 401 says what
 * is wanted. What was learned then goes with every later request at once. Requests that come while the first has no
 * answer wait for it where there is a credential to show, since they would be refused, too; where there is none they go
 * out, since most registries that nobody logs in to are open.
 *
 * A refused request is sent again with a new proof unless its body is used up; the last refusal is the answer. Requests
 * to another origin, or with an Authorization of their own, pass as they are.
 * Throws CHALLENGE_INVALID, HELPER_FAILED, and UNAUTHORIZED or DENIED when the token service says so.
 */
export function createAuthorize({ origin, ...options }: AuthorizeOptions): Middleware {
  const prover = createProver(options);
  const ours = originOf(origin);
  const scout = createScout((request) => prover.isKnown(request), options.clock);

  return (next) => async (request) => {
    if (originOf(request.url) !== ours || headerLines(request.headers, 'authorization').length > 0) {
      return await next(request);
    }
    const body = request.body && watchedBody(request.body);
    const tellOthers = await scout(request);
    let answered = false;
    try {
      let proof = await prover.recall(request);
      for (let tries = 1; ; tries++) {
        const sent = withProof({ ...request, ...(body === undefined ? {} : { body }) }, proof);
        const { secrets } = sent;
        const response = { ...(await next(sent)), ...(secrets === undefined ? {} : { secrets }) };
        answered = true;
        if (!isRefused(response) || tries === maxTries || body?.isUsedUp() === true) return response;
        // The others go on once the token is asked for: if it serves them, too, they wait for the same one.
        const onAsked = (): void => tellOthers(true);
        const better = await prover.answer(challengesOf(response), { request, refused: proof, onAsked });
        tellOthers(true);
        if (better === undefined) return response;
        await drain(response.body);
        proof = better;
      }
    } finally {
      tellOthers(answered);
    }
  };
}

function withProof(request: HttpRequest, proof: Proof | undefined): HttpRequest {
  if (proof === undefined) return request;
  const { authorization, secrets } = proof;
  return {
    ...request,
    headers: { ...request.headers, authorization: [authorization] },
    secrets: [...new Set([...(request.secrets ?? []), ...secrets])],
  };
}

function challengesOf({ headers, secrets }: HttpResponse): readonly Challenge[] {
  return parseChallenges(headerLines(headers, 'www-authenticate'), secrets);
}

/** A 403 is final, unless it says that another token would do. */
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
