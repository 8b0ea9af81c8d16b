/** What proves who is asking. Never logged, never part of an error. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, exchanged for access tokens at the registry's token service. */
  | { readonly kind: 'identity'; readonly token: string; readonly username?: string }
  /** A bearer token that is sent as it is. */
  | { readonly kind: 'registry'; readonly token: string };

export interface KeychainQuestion {
  readonly signal?: AbortSignal | undefined;
  /**
   * The answer would be sent over plain HTTP, because a reference says `http://`: only a credential that was stored for that
   * (under `http://host`) is to be given. A reference comes from anywhere, and must not bring a login out of its encryption.
   */
  readonly plain?: boolean;
}

/**
 * Who to be at a registry. `registry` is its host with the port where there is one (`docker.io` for Docker Hub).
 * Asked late, once for each registry and repository; `undefined` means anonymous.
 */
export type Keychain = (
  registry: string,
  repository?: string,
  options?: KeychainQuestion,
) => Promise<Credential | undefined>;
