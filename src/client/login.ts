import { AuthError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import type { Credential } from '../keychain/credential.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { SignalOptions } from '../store/contract.ts';
import { encode } from '../wire/encode.ts';
import { readError } from '../wire/error-body.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, Middleware } from '../wire/message.ts';
import type { Connections } from './connections.ts';

/**
 * The registry's answer to a credential. `unasked`: it admits everybody so far, and has not looked at the credential.
 */
export type LoginCheck = 'accepted' | 'unasked';

/**
 * Sends a credential to a registry without storing it.
 * @throws UNAUTHORIZED or DENIED when the registry refuses it
 * @throws CHALLENGE_INVALID when the token service is of another domain, which never gets the credential
 */
export async function checkLogin(
  connections: Connections,
  text: string,
  credential: Credential,
  { signal }: SignalOptions = {},
): Promise<LoginCheck> {
  const name = parseRegistry(text);
  const { registry } = name;
  const { base, bare, authorizeWith } = connections.line(name);
  let wasAsked = false;
  let wasShown = false;
  // A registry that accepts an anonymous token has not judged the credential.
  const noting: Middleware = (next) => async (request) => {
    wasShown ||= shows(request, credential);
    const response = await next(request);
    wasAsked ||= response.status === 401;
    return response;
  };
  const authorize = authorizeWith(() => Promise.resolve(credential), noting);
  const request = encode({ kind: 'ping' }, base, { scopes: [], signal });
  const response = await authorize(noting(bare))(request);
  if (response.status !== 200) {
    throw await readError(response, { request, what: registry, kind: 'ping', registry });
  }
  await discard(response.body);
  if (wasAsked && !wasShown) {
    const message = `the token service of ${registry} is of another domain, and was not shown the credential`;
    throw new AuthError('CHALLENGE_INVALID', message, { registry });
  }
  return wasShown ? 'accepted' : 'unasked';
}

/** Returns whether a request carries the credential. Only an identity token travels in a body. */
function shows({ headers, body }: HttpRequest, { kind }: Credential): boolean {
  const authorization = headerValue(headers, 'authorization');
  return (
    body !== undefined ||
    (kind === 'registry' ? authorization !== undefined : authorization?.startsWith('Basic ') === true)
  );
}
