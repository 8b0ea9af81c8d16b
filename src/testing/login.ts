import { type Access, type AccessOptions, createAccess } from '../server/access/access.ts';
import type { Rule } from '../server/access/rules.ts';

/** Who can log in at a registry for a test. */
export interface TestLogin extends Pick<AccessOptions, 'tokenLife'> {
  /** Passwords by names. */
  readonly users: Readonly<Record<string, string>>;
  /** Who may do what. Default: who has logged in may do everything, and others nothing. */
  readonly rules?: readonly Rule[];
}

export interface LoginDesk {
  readonly access: Access;
  /** Ends every token that was given so far. */
  readonly expireTokens: () => void;
}

export function openLogin({ users, rules, tokenLife }: TestLogin): LoginDesk {
  const passwords = new Map(Object.entries(users));
  let age = 0;
  const login = {
    // A token lives as long as what it was given for: to the registry, all users have new passwords.
    find: async (name: string) => (passwords.has(name) ? { name, stamp: `${name} ${age}` } : undefined),
    check: async (name: string, password: string) => passwords.get(name) === password,
  };
  return {
    access: createAccess({
      login,
      ...(rules === undefined ? {} : { rules: async () => rules }),
      ...(tokenLife === undefined ? {} : { tokenLife }),
    }),
    expireTokens: () => {
      age++;
    },
  };
}
