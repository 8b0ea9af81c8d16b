import { isRepositoryName } from '../../spec/reference.ts';
import type { HeaderMap, HttpResponse } from '../../wire/message.ts';
import { actionOf, type Operation } from '../../wire/operation.ts';
import { errorAnswer } from '../../wire/reply.ts';
import { catalogScope, mergeScopes, repositoryScope } from '../../wire/scope.ts';

/** Where tokens are had: below /v2/, since that is all that many a proxy lets through. */
export const tokenPath = '/v2/token';

export const basicChallenge = 'Basic realm="gantry", charset="UTF-8"';

export interface Demand {
  /** The origin that the client knows us by; undefined where we can't say. */
  readonly origin: string | undefined;
  readonly service: string;
  readonly operation: Operation;
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/**
 * 401 with one challenge: Bearer where we know the address of our realm, Basic where we don't. Basic is taken either
 * way, but never offered beside Bearer: docker then insists on both and fails for who has no login, and others read one
 * challenge only, some the first and some the last.
 * @see https://github.com/distribution/distribution/blob/v2.8.3/registry/client/auth/session.go
 */
export function challengeAnswer(demand: Demand): HttpResponse {
  return unauthorized(challengeOf(demand));
}

export function unauthorized(challenge: string): HttpResponse {
  const headers: HeaderMap = { 'www-authenticate': [challenge] };
  return errorAnswer('UNAUTHORIZED', 'authentication required', { headers });
}

function challengeOf({ origin, service, operation, error }: Demand): string {
  if (origin === undefined) return basicChallenge;
  const scope = scopesFor(operation).join(' ');
  const parameters = [
    `realm="${origin}${tokenPath}"`,
    `service="${service}"`,
    ...(scope === '' ? [] : [`scope="${scope}"`]),
    ...(error === undefined ? [] : [`error="${error}"`]),
  ];
  return `Bearer ${parameters.join(',')}`;
}

/** What a token should be good for to do this, and what usually follows. */
function scopesFor(operation: Operation): readonly string[] {
  if (operation.kind === 'catalog') return [catalogScope];
  const action = actionOf(operation.kind);
  if (action === undefined || !('repository' in operation)) return [];
  const scope = repositoryScope(operation.repository, action === 'pull' ? ['pull'] : ['pull', action]);
  const from = operation.kind === 'upload.mount' ? operation.from : undefined;
  // Nothing has checked it: it comes from the query, and a quote or a line break would end the parameter or the header.
  if (from === undefined || !isRepositoryName(from)) return [scope];
  return mergeScopes([scope, repositoryScope(from, ['pull'])]);
}
