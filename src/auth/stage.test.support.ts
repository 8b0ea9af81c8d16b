import assert from 'node:assert/strict';
import { basicOf, secret } from '../../test/secret.ts';
import { type ErrorCode, isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, emptyContent } from '../flow/content.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
import { createManualClock, type ManualClock } from '../time/clock.test.support.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { createSecrets } from '../wire/secrets.ts';
import { createAuthorize } from './authorize.ts';

export const origin = 'https://registry.example.com';
export const realm = 'https://auth.example.com/token';
export const alice: Extract<Credential, { kind: 'basic' }> = {
  kind: 'basic',
  username: 'alice',
  password: secret('pass:word'),
};
export const basicAlice: string = basicOf(alice.username, alice.password);
/** The Authorization header with the token of that name. */
export const bearing = (name: string): string => `Bearer ${secret(name)}`;
export const pull: readonly string[] = ['repository:a/b:pull'];
export const push: readonly string[] = ['repository:a/b:pull,push'];

const text = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  new TextDecoder().decode(await collect(body, { limit: 1 << 20, what: 'test body' }));

export function answer(
  status: number,
  { headers = {}, body = '' }: { headers?: Record<string, string[]>; body?: string } = {},
): HttpResponse {
  return { status, headers, body: bytesContent(new TextEncoder().encode(body)).open() };
}

export const json = (value: unknown): HttpResponse => answer(200, { body: JSON.stringify(value) });
export const challenge = (line: string, status = 401): HttpResponse =>
  answer(status, { headers: { 'www-authenticate': [line] } });
export const bearer = (more = ''): string => `Bearer realm="${realm}",service="example"${more}`;

interface TokenRequestSeen {
  readonly method: string;
  readonly url: URL;
  readonly authorization: string | undefined;
  readonly form: URLSearchParams;
}

export interface Stage {
  readonly clock: ManualClock;
  /** The Authorization of each request that reached the registry. */
  readonly shown: (string | undefined)[];
  readonly tokens: TokenRequestSeen[];
  readonly warnings: string[];
  readonly send: (request?: Partial<HttpRequest>) => Promise<HttpResponse>;
}

export interface Roles {
  readonly registry: (
    request: HttpRequest,
    authorization: string | undefined,
  ) => HttpResponse | Promise<HttpResponse>;
  /** By default the service issues numbered tokens. */
  readonly service?: (seen: TokenRequestSeen, number: number) => HttpResponse | Promise<HttpResponse>;
  readonly credential?: Credential;
  readonly keychain?: Keychain;
  readonly trustedRealms?: readonly string[];
}

/** A registry, a token service and a client that uses both. */
export function stage({ registry, service, credential, keychain, trustedRealms }: Roles): Stage {
  const clock = createManualClock(1_000_000);
  const shown: (string | undefined)[] = [];
  const tokens: TokenRequestSeen[] = [];
  const warnings: string[] = [];
  const tokenLine: Send = async (request) => {
    const form = new URLSearchParams(await text((request.body ?? emptyContent).open()));
    const seen = {
      method: request.method,
      url: new URL(request.url),
      authorization: headerValue(request.headers, 'authorization'),
      form,
    };
    tokens.push(seen);
    return (
      (await service?.(seen, tokens.length)) ?? json({ token: secret(`t${tokens.length}`), expires_in: 100 })
    );
  };
  const authorize = createAuthorize({
    registry: 'registry.example.com',
    origin,
    keychain: keychain ?? (() => Promise.resolve(credential)),
    send: tokenLine,
    secrets: createSecrets(),
    trustedRealms,
    warn: (warning) => warnings.push(warning),
    clock,
  });
  const line = authorize(async (request) => {
    const authorization = headerValue(request.headers, 'authorization');
    shown.push(authorization);
    if (request.body !== undefined) await text(request.body.open());
    return await registry(request, authorization);
  });
  return {
    clock,
    shown,
    tokens,
    warnings,
    send: (request = {}) =>
      line({ method: 'GET', url: `${origin}/v2/`, headers: {}, replay: 'safe', scopes: pull, ...request }),
  };
}

/** Accepts every request with a bearer token. */
export const bearerRegistry: Roles['registry'] = (_, authorization) =>
  authorization?.startsWith('Bearer ') ? answer(200) : challenge(bearer());

export const wantsBasic: Roles['registry'] = (_, authorization) =>
  authorization === basicAlice ? answer(200) : challenge('Basic realm="not a URL"');

export const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  assert.rejects(promise, (error) => isGantryError(error, code));
