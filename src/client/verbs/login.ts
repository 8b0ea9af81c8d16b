import type { Credential } from '../../keychain/credential.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { LoginCheck } from '../login.ts';
import type { TokenOptions, TokenReply } from '../token.ts';

/** The verbs of a client for logins. */
export interface LoginVerbs {
  /**
   * Returns the bearer token that requests to a repository carry.
   * @throws CHALLENGE_INVALID when the registry does not ask for bearer tokens
   * @throws DENIED when `mountFrom` names a repository of another registry
   */
  token(repository: string, options?: TokenOptions): Promise<TokenReply>;
  /**
   * Asks a registry whether it accepts a credential. gantry does not store the credential.
   * @throws UNAUTHORIZED or DENIED when the registry refuses the credential
   * @throws CHALLENGE_INVALID when the token service is of another domain, so that gantry does not send the credential
   * @example
   * ```ts
   * import { createClient, isGantryError } from 'gantry';
   *
   * await using client = createClient();
   * const credential = { kind: 'basic', username: 'me', password: 'not my password' } as const;
   * try {
   *   console.log(await client.checkLogin('ghcr.io', credential));
   * } catch (error) {
   *   if (!isGantryError(error, 'UNAUTHORIZED')) throw error;
   *   console.log(error.message);
   * }
   * ```
   */
  checkLogin(registry: string, credential: Credential, options?: SignalOptions): Promise<LoginCheck>;
}
