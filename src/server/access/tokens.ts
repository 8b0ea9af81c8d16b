import { fromBase64Url, toBase64Url } from '../../spec/base64url.ts';
import type { Clock } from '../../time/clock.ts';
import { createSigner, type TokenSigner } from './signer.ts';
import type { User, UserDirectory } from './user-directory.ts';

/** One entry of a token's `access` claim. */
export interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** The content of a valid token. */
export interface VerifiedToken {
  /** Undefined for an anonymous token. */
  readonly user: string | undefined;
  /** All grants of the token, even if its user has more rights. */
  readonly grants: readonly Grant[];
}

/**
 * Issues and checks the tokens of this registry: JWTs, signed with its own key by HMAC-SHA-256. All tokens have the
 * same header, which is compared byte for byte, so a token cannot choose its algorithm or key (CVE-2025-24976).
 * @see https://distribution.github.io/distribution/spec/auth/jwt/
 */
export interface Tokens {
  /** Seconds until an access token expires. */
  readonly life: number;
  issue(user: User | undefined, grants: readonly Grant[]): Promise<string>;
  /**
   * Resolves with undefined for a token of another origin, a token that is not valid now, and a token of a user that no
   * longer exists or has a new password.
   */
  check(token: string): Promise<VerifiedToken | undefined>;
  issueRefresh(user: User): Promise<string>;
  checkRefresh(token: string): Promise<User | undefined>;
}

export interface TokensOptions {
  readonly key: Uint8Array;
  /** The audience of the tokens. Other services with the same key refuse them. */
  readonly service: string;
  readonly login: UserDirectory;
  readonly life: number;
  readonly clock: Clock;
}

/** Seconds. `docker login` stores this token instead of a password; a change of the password invalidates it. */
const refreshLife = 90 * 24 * 3600;
/** Seconds that the clocks of two servers of one store may differ. */
const leeway = 60;

interface Claims {
  readonly iss: string;
  /** Empty for an anonymous token. */
  readonly sub: string;
  readonly aud: string;
  readonly exp: number;
  readonly nbf: number;
  readonly iat: number;
  readonly jti: string;
  /** A signature of the user's stamp. */
  readonly stamp: string;
  readonly access: readonly Grant[];
}

const issuer = 'gantry';

export function createTokens({ key, service, login, life, clock }: TokensOptions): Tokens {
  const access = createTokenFormat(createSigner(key, 'access tokens'), 'JWT');
  const refresh = createTokenFormat(createSigner(key, 'refresh tokens'), 'refresh+jwt');
  const stamps = createSigner(key, 'stamps');
  const now = (): number => Math.floor(clock.now() / 1000);

  const claims = async (user: User | undefined, grants: readonly Grant[], life: number): Promise<Claims> => ({
    iss: issuer,
    sub: user?.name ?? '',
    aud: service,
    exp: now() + life,
    nbf: now(),
    iat: now(),
    jti: crypto.randomUUID(),
    stamp: user === undefined ? '' : await stamps.sign(stampText(user)),
    access: grants,
  });

  const valid = async (claims: Claims | undefined): Promise<Claims | undefined> => {
    if (claims === undefined || claims.iss !== issuer || claims.aud !== service) return undefined;
    return claims.exp > now() && claims.nbf <= now() + leeway ? claims : undefined;
  };

  /** Looks the user up for each check: a removed user or a changed password invalidates the token. */
  const holder = async ({ sub, stamp }: Claims): Promise<User | undefined> => {
    const user = await login.find(sub);
    return user !== undefined && (await stamps.verify(stampText(user), stamp)) ? user : undefined;
  };

  return {
    life,
    issue: async (user, grants) => access.sign(await claims(user, grants, life)),
    async check(token) {
      const claims = await valid(await access.open(token));
      if (claims === undefined) return undefined;
      const user = claims.sub === '' ? undefined : await holder(claims);
      if (claims.sub !== '' && user === undefined) return undefined;
      return { user: user?.name, grants: claims.access };
    },
    issueRefresh: async (user) => refresh.sign(await claims(user, [], refreshLife)),
    async checkRefresh(token) {
      const claims = await valid(await refresh.open(token));
      return claims === undefined || claims.sub === '' ? undefined : await holder(claims);
    },
  };
}

function stampText({ name, stamp }: User): string {
  return JSON.stringify([name, stamp]);
}

interface TokenFormat {
  sign(claims: Claims): Promise<string>;
  /** Resolves with the claims of a token that has this header and a valid signature. */
  open(token: string): Promise<Claims | undefined>;
}

function createTokenFormat(signer: TokenSigner, typ: string): TokenFormat {
  const header = toBase64Url(new TextEncoder().encode(JSON.stringify({ alg: 'HS256', typ })));
  return {
    async sign(claims) {
      const text = `${header}.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}`;
      return `${text}.${await signer.sign(text)}`;
    },
    async open(token) {
      const [first, payload = '', signature = '', ...rest] = token.split('.', 4);
      if (first !== header || rest.length > 0) return undefined;
      if (!(await signer.verify(`${header}.${payload}`, signature))) return undefined;
      const bytes = fromBase64Url(payload);
      // `sign` wrote every text with a valid signature.
      return bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
    },
  };
}
