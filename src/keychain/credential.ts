import { amount, type Check, having, object, oneOf, text } from '../spec/options.ts';

/** The end of a credential that is valid for a time, such as a login that a cloud has given. */
export interface ExpiringCredential {
  /**
   * The end of the credential in milliseconds since 1970. gantry asks the keychain again a minute before.
   * @defaultValue undefined: the credential does not end by itself
   */
  readonly expiresAt?: number | undefined;
}

/** A credential for a registry. It is never logged and never part of an error. */
export type Credential = ExpiringCredential &
  (
    | {
        readonly kind: 'basic';
        /** The user name. */
        readonly username: string;
        /** The password, or an access token in its place. */
        readonly password: string;
      }
    /** An OAuth2 refresh token. The registry's token service exchanges it for access tokens. */
    | {
        readonly kind: 'identity';
        /** The refresh token. */
        readonly token: string;
        /** The user name, if the token has one. */
        readonly username?: string;
      }
    /** A bearer token that is sent unchanged. */
    | {
        readonly kind: 'registry';
        /** The bearer token. */
        readonly token: string;
      }
  );

const shapes: Readonly<Record<Credential['kind'], Check>> = {
  basic: having('a credential with username and password', 'username', 'password'),
  identity: having('a credential with a token', 'token'),
  registry: having('a credential with a token', 'token'),
};

/** Checks a credential from plain JavaScript. The message shows no part of it. */
export const aCredential: Check = (value, name) => {
  object(value, name);
  const { kind, expiresAt, ...parts }: { readonly kind?: unknown; readonly expiresAt?: unknown } =
    Object(value);
  oneOf('basic', 'identity', 'registry')(kind, `${name}, its kind,`);
  for (const [of, check] of Object.entries(shapes)) if (of === kind) check(value, name);
  if (expiresAt !== undefined) amount(expiresAt, `${name}, its end,`);
  for (const part of Object.values(parts)) if (part !== undefined) text(part, `${name}, each part of it,`);
};

/** The options of a request to a keychain. */
export interface KeychainQuestion {
  /** Aborts the request to the keychain. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether the credential will be sent over plain HTTP, because a reference begins with `http://`. The keychain must
   * then return only a credential that was stored for plain HTTP (under `http://host`). A reference can come from
   * anywhere and must not expose a login that was stored for TLS.
   */
  readonly plain?: boolean;
}

/**
 * Resolves with the credential for a registry, or with `undefined` for anonymous access. `registry` is the host, with
 * the port if the reference has one (`docker.io` for Docker Hub). Called as late as possible, once for each registry
 * and repository.
 */
export type Keychain = (
  registry: string,
  repository?: string,
  options?: KeychainQuestion,
) => Promise<Credential | undefined>;
