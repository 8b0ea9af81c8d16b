import { AuthError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { formatRepository, parseRepository } from '../spec/reference.ts';
import type { SignalOptions } from '../store/contract.ts';
import { encode } from '../wire/encode.ts';
import { readError } from '../wire/error-body.ts';
import { headerValue } from '../wire/headers.ts';
import type { Send } from '../wire/message.ts';
import { repositoryScope } from '../wire/scope.ts';
import type { Connections } from './connections.ts';

/** Settings of `token`. */
export interface TokenOptions extends SignalOptions {
  /**
   * Also asks for the right to push.
   * @defaultValue `false`
   */
  readonly push?: boolean | undefined;
  /** Repositories of the same registry; gantry also asks for the right to pull from them. */
  readonly mountFrom?: readonly string[] | undefined;
}

/** The answer of a token service. */
export interface TokenReply {
  /** The bearer token, as it stands behind `Bearer` in the header. */
  readonly token: string;
}

/**
 * Fetches the bearer token for a repository from the registry's token service.
 * @throws CHALLENGE_INVALID when the registry asks for no such token
 */
export async function getToken(
  connections: Connections,
  text: string,
  { push = false, mountFrom = [], signal }: TokenOptions = {},
): Promise<TokenReply> {
  const reference = parseRepository(text);
  const sources = mountFrom.map((source) => parseRepository(source));
  const foreign = sources.find(({ registry }) => registry !== reference.registry);
  if (foreign !== undefined) {
    throw new AuthError(
      'DENIED',
      `${formatRepository(foreign)} is not on ${reference.registry}, and a token is for one registry`,
    );
  }
  const { base, authorize, bare } = connections.line(reference);
  const scopes = [
    repositoryScope(reference.repository, push ? ['pull', 'push'] : ['pull']),
    ...sources.map(({ repository }) => repositoryScope(repository, ['pull'])),
  ];
  // The last attempt carries the token.
  let carried: string | undefined;
  const recording: Send = (request) => {
    carried = headerValue(request.headers, 'authorization');
    return bare(request);
  };
  const request = encode({ kind: 'ping' }, base, { scopes, signal });
  const response = await authorize(recording)(request);
  const { registry } = reference;
  if (response.status === 401)
    throw await readError(response, { request, what: registry, kind: 'ping', registry });
  await discard(response.body);
  const token = /^Bearer (.+)$/.exec(carried ?? '')?.[1];
  if (token !== undefined) return { token };
  throw new AuthError('CHALLENGE_INVALID', `${registry} does not ask for bearer tokens`, { registry });
}
