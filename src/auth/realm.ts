import { AuthError, isGantryError } from '../errors.ts';
import { checkHop, resolveHop } from '../http/origin.ts';
import type { Challenge } from './challenge.ts';

/**
 * Resolves the address of the token service in a challenge. The redirect policy applies to it, because the author of
 * the challenge chooses where gantry sends a request. Throws CHALLENGE_INVALID.
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
    throw new AuthError(
      'CHALLENGE_INVALID',
      `${registry} asks for a token, but its challenge names no realm`,
      { registry },
    );
  }
  try {
    const url = resolveHop(requestUrl, realm, { secrets });
    checkHop(requestUrl, url, { home: requestUrl, secrets });
    return url;
  } catch (error) {
    if (!isGantryError(error, 'REDIRECT_REFUSED')) throw error;
    throw new AuthError(
      'CHALLENGE_INVALID',
      `the token service of ${registry} cannot be used: ${error.message}`,
      {
        registry,
      },
    );
  }
}
