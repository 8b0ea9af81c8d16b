import { createPattern } from './pattern.ts';

/**
 * A right in a repository: read and list (`pull`); add content and new tags (`create`); the same and move tags
 * (`push`); delete tags, manifests and blobs (`delete`).
 */
export type Right = 'pull' | 'create' | 'push' | 'delete';

export const allRights: readonly Right[] = ['pull', 'create', 'push', 'delete'];

/** An access rule. Rules add up, and every action that no rule allows is refused. */
export interface Rule {
  /** Names or patterns: `*` matches everything except a slash, `**` matches everything. */
  readonly repositories: readonly string[];
  /** User names; `*` means every authenticated user. */
  readonly users?: readonly string[];
  /** Whether the rule applies to all clients, with or without a login. */
  readonly anonymous?: boolean;
  /** The allowed rights. `push` includes `create`. */
  readonly allow: readonly Right[];
}

/** Returns the current rules. Called for every request. */
export type RuleSource = () => Promise<readonly Rule[]>;

/** The rights of one caller. */
export interface Rights {
  may(right: Right, repository: string): boolean;
  /** True if the caller has a right in at least one repository. */
  readonly some: boolean;
  /** True if the caller may read every repository. */
  readonly pullAll: boolean;
}

export const fullRights: Rights = { may: () => true, some: true, pullAll: true };
export const noRights: Rights = { may: () => false, some: false, pullAll: false };

/** Returns the rights of a user, or with `undefined` the rights of anonymous clients. */
export function rightsOf(rules: readonly Rule[], user: string | undefined): Rights {
  const theirs = rules.filter((rule) => concerns(rule, user));
  return {
    may: (right, repository) =>
      theirs.some((rule) => allows(rule, right) && matchersOf(rule).some((matches) => matches(repository))),
    some: theirs.length > 0,
    pullAll: theirs.some((rule) => allows(rule, 'pull') && rule.repositories.includes('**')),
  };
}

function concerns({ users = [], anonymous = false }: Rule, user: string | undefined): boolean {
  if (anonymous) return true;
  return user !== undefined && (users.includes('*') || users.includes(user));
}

function allows({ allow }: Rule, right: Right): boolean {
  return allow.includes(right) || (right === 'create' && allow.includes('push'));
}

/** The compiled patterns of each rule. They live as long as the rule, which may come anew with every request. */
const matchers = new WeakMap<Rule, readonly ((repository: string) => boolean)[]>();

function matchersOf(rule: Rule): readonly ((repository: string) => boolean)[] {
  const known = matchers.get(rule) ?? rule.repositories.map(createPattern);
  matchers.set(rule, known);
  return known;
}
