import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { openRules } from '../../src/server/access/rules-file.ts';
import type { UserDirectory } from '../../src/server/access/user-directory.ts';
import { createApp } from '../../src/server/app.ts';
import { type Ask, type Asked, type AskOptions, asking } from '../../src/server/ask.test.support.ts';
import type { Registry } from '../../src/store/contract.ts';
import type { Clock } from '../../src/time/clock.ts';
import { basicOf, secret } from '../secret.ts';

/** A clock that moves only by `move`. Its timers end at once, and `slept` records their milliseconds. */
export interface Standing extends Clock {
  readonly slept: number[];
  move(milliseconds: number): void;
}

export function standingClock(): Standing {
  let now = Date.UTC(2026, 0, 1);
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    after(milliseconds, wake) {
      slept.push(milliseconds);
      queueMicrotask(wake);
      return () => undefined;
    },
    move(milliseconds) {
      now += milliseconds;
    },
  };
}

export function passwordOf(user: string): string {
  return secret(`password-of-${user}`);
}

/** Returns the credentials of a user for every request. */
export function as(user: string, password: string = passwordOf(user)): AskOptions {
  return { headers: { authorization: basicOf(user, password) } };
}

export function bearing(token: string): AskOptions {
  return { headers: { authorization: `Bearer ${token}` } };
}

/**
 * Makes a login for users whose passwords are `passwordOf` their names. A test can change the map while the registry
 * runs.
 */
export function loginOf(
  names: readonly string[],
): UserDirectory & { readonly passwords: Map<string, string>; checks: number } {
  const passwords = new Map(names.map((name) => [name, passwordOf(name)]));
  return {
    passwords,
    checks: 0,
    async find(name) {
      const password = passwords.get(name);
      return password === undefined ? undefined : { name, stamp: password };
    },
    async check(name, password) {
      this.checks++;
      return passwords.get(name) === password;
    },
  };
}

export interface GuardedOptions {
  readonly users?: readonly string[];
  /** Rules as YAML. */
  readonly rules?: string;
  readonly key?: Uint8Array;
  readonly publicUrl?: string;
  readonly registry?: Registry;
  readonly login?: UserDirectory;
}

export interface GuardedApp {
  readonly ask: Ask;
  readonly registry: Registry;
  readonly clock: Standing;
  /** Returns a token for the scopes. */
  readonly token: (user: string | undefined, ...scopes: readonly string[]) => Promise<string>;
}

/** Makes an app with a login, and asks it without a port. */
export async function guardedApp(options: GuardedOptions = {}): Promise<GuardedApp> {
  const { users = ['alice', 'bob'], registry = createMemoryRegistry(), rules, ...more } = options;
  const clock = standingClock();
  const access = createAccess({
    login: loginOf(users),
    clock,
    ...more,
    ...(rules === undefined ? {} : { rules: await openRules(async () => rules) }),
  });
  const ask = asking(createApp(registry, { access }));
  return {
    ask,
    registry,
    clock,
    async token(user, ...scopes) {
      const query = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join('&');
      const answer = await ask('GET', `/v2/token?${query}`, user === undefined ? {} : as(user));
      return tokenIn(answer);
    },
  };
}

export function tokenIn(answer: Asked): string {
  const body: { readonly token: string } = JSON.parse(answer.text);
  return body.token;
}

/** Returns the same function with the same headers in each request. */
export function askingWith(ask: Ask, { headers }: AskOptions): Ask {
  return (method, target, options = {}) =>
    ask(method, target, { ...options, headers: { ...headers, ...options.headers } });
}
