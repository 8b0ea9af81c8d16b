import { isRepositoryName } from '../../spec/reference.ts';
import type { HeaderMap, HttpResponse } from '../../wire/message.ts';
import { actionOf, type Operation } from '../../wire/operation.ts';
import { errorAnswer } from '../../wire/reply.ts';
import { catalogScope, mergeScopes, repositoryScope } from '../../wire/scope.ts';

/** The path of the token endpoint. It lies below /v2/, because many proxies forward only that. */
export const tokenPath = '/v2/token';

export const basicChallenge = 'Basic realm="gantry", charset="UTF-8"';

export interface Demand {
  /** The origin of the registry for the client, or undefined when it is unknown. */
  readonly origin: string | undefined;
  readonly service: string;
  readonly operation: Operation;
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/**
 * Answers with 401 and one challenge: Bearer when the address of the realm is known, Basic otherwise. Basic is always
 * accepted, but never offered beside Bearer: docker would then require both and fail without a login, and other clients
 * read only the first or only the last challenge.
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

/** Returns the scopes for this operation and those that usually follow. */
function scopesFor(operation: Operation): readonly string[] {
  if (operation.kind === 'catalog') return [catalogScope];
  const action = actionOf(operation.kind);
  if (action === undefined || !('repository' in operation)) return [];
  const scope = repositoryScope(operation.repository, action === 'pull' ? ['pull'] : ['pull', action]);
  const from = operation.kind === 'upload.mount' ? operation.from : undefined;
  // The query value is unchecked: a quote or a line break in it would end the parameter or the header.
  if (from === undefined || !isRepositoryName(from)) return [scope];
  return mergeScopes([scope, repositoryScope(from, ['pull'])]);
}
