import type { TestContext } from 'node:test';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { drain } from '../../src/flow/collect.ts';
import type { Credential } from '../../src/keychain/credential.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { basicOf, secret } from '../secret.ts';

/** The secrets that no other host may receive: the password of `alice`, and its form in a header. */
export const password: string = secret('alice');
export const basic: string = basicOf('alice', password);
export const alice: Credential = { kind: 'basic', username: 'alice', password };

export const registry = 'registry.example';
export const home: string = `https://${registry}`;

export interface Net {
  readonly send: Send;
  /** Every request that was sent, to any host. */
  readonly asked: HttpRequest[];
  /** Returns the requests to one origin. */
  readonly at: (origin: string) => readonly HttpRequest[];
}

/** Hosts in memory, by origin. A request to any other host is noted, and answered as if the host did not exist. */
export function net(hosts: Readonly<Record<string, Send>>): Net {
  const asked: HttpRequest[] = [];
  return {
    asked,
    at: (origin) => asked.filter(({ url }) => new URL(url).origin === origin),
    async send(request) {
      asked.push(request);
      const host = hosts[new URL(request.url).origin];
      if (host !== undefined) return host(request);
      if (request.body !== undefined) await drain(request.body.open());
      return reply(404);
    },
  };
}

/** Creates a client of these hosts that is alice at `registry`, has no other login, and retries without waits. */
export function clientOf(
  test: TestContext,
  { send }: Pick<Net, 'send'>,
  options: ClientOptions = {},
): Client {
  const client = createClient({
    transport: send,
    keychain: async (name) => (name === registry ? alice : undefined),
    retry: { attempts: 1, uploads: { attempts: 1 }, downloads: { attempts: 1 } },
    ...options,
  });
  atEnd(test, () => client[Symbol.asyncDispose]());
  return client;
}

/** Serves a registry without faults, behind the middlewares in `strange`. */
export function served(store: Registry = createMemoryRegistry(), ...strange: readonly Middleware[]): Send {
  return strange.reduceRight<Send>((next, middleware) => middleware(next), createApp(store));
}

/** Accepts requests with alice's password. */
export const wantsBasic: Middleware = (next) => async (request) =>
  request.headers['authorization']?.[0] === basic
    ? next(request)
    : reply(401, { 'www-authenticate': 'Basic realm="here"' });

/** Accepts requests with the token, and sends all others to `realm` for it. */
export const wantsToken =
  (realm: string, token: string = secret('a-token')): Middleware =>
  (next) =>
  async (request) =>
    request.headers['authorization']?.[0] === `Bearer ${token}`
      ? next(request)
      : reply(401, { 'www-authenticate': `Bearer realm="${realm}",service="${registry}"` });

/** Makes a token service that gives everybody this token. */
export const tokenService =
  (token: string = secret('a-token')): Send =>
  async () =>
    reply(200, {}, JSON.stringify({ token, expires_in: 300 }));

/** Adds the registry's own token service at `/token`. */
export const withTokens =
  (service: Send): Middleware =>
  (next) =>
  (request) =>
    new URL(request.url).pathname === '/token' ? service(request) : next(request);

export function reply(
  status: number,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
  body: string | Uint8Array = '',
): HttpResponse {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return {
    status,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()])),
    body: (async function* () {
      if (bytes.byteLength > 0) yield bytes;
    })(),
  };
}

/** Returns all text of a request. */
export function textOf({ method, url, headers }: HttpRequest): string {
  return `${method} ${url} ${JSON.stringify(headers)}`;
}

/** Returns true if the request has credentials, a cookie, or alice's password, plain or encoded, in its URL or a header. */
export function showsSecret(request: HttpRequest): boolean {
  const text = textOf(request);
  return (
    text.includes(password) ||
    text.includes(basic.slice(6)) ||
    request.headers['authorization'] !== undefined ||
    request.headers['cookie'] !== undefined
  );
}

/**
 * Returns the code of a failure, for a copy that of its cause; undefined without a failure. Rethrows all errors but
 * gantry's own.
 */
export async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (!isGantryError(error)) throw error;
    return error.code;
  }
}
