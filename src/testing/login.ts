import { type Access, type AccessOptions, createAccess } from '../server/access/access.ts';
import type { Rule } from '../server/access/rules.ts';

/** The users of a test registry. */
export interface TestLogin extends Pick<AccessOptions, 'tokenLife'> {
  /** Passwords by user name. */
  readonly users: Readonly<Record<string, string>>;
  /** The access rules. Default: users may do everything and anonymous clients nothing. */
  readonly rules?: readonly Rule[];
}

export interface LoginDesk {
  readonly access: Access;
  /** Invalidates all issued tokens. */
  readonly expireTokens: () => void;
}

export function openLogin({ users, rules, tokenLife }: TestLogin): LoginDesk {
  const passwords = new Map(Object.entries(users));
  let age = 0;
  const login = {
    // A new age gives all users new stamps, as a new password would, and thereby invalidates their tokens.
    find: async (name: string) => (passwords.has(name) ? { name, stamp: `${name} ${age}` } : undefined),
    check: async (name: string, password: string) => passwords.get(name) === password,
  };
  return {
    access: createAccess({
      login,
      rules: rules === undefined ? undefined : async () => rules,
      tokenLife,
    }),
    expireTokens: () => {
      age++;
    },
  };
}
