import { AuthError, isGantryError } from '../errors.ts';
import { checkHop, resolveHop } from '../http/origin.ts';
import type { Challenge } from './challenge.ts';

/**
 * The address of the token service that a challenge names. It is held to the same policy as a redirect, since whoever
 * can write the challenge chooses where we send a request. Throws CHALLENGE_INVALID.
 */
export function resolveRealm(
  { parameters: { realm } }: Challenge,
  {
    requestUrl,
    registry,
    secrets,
  }: {
    readonly requestUrl: string;
    readonly registry: string;
    readonly secrets?: readonly string[] | undefined;
  },
): string {
  if (realm === undefined || realm === '') {
    throw new AuthError('CHALLENGE_INVALID', `${registry} asks for a token but names no realm`, { registry });
  }
  try {
    const url = resolveHop(requestUrl, realm, { secrets });
    checkHop(requestUrl, url, { home: requestUrl, secrets });
    return url;
  } catch (error) {
    if (!isGantryError(error, 'REDIRECT_REFUSED')) throw error;
    throw new AuthError('CHALLENGE_INVALID', `the token service of ${registry}: ${error.message}`, {
      registry,
    });
  }
}
