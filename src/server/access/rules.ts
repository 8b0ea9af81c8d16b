import { createPattern } from './pattern.ts';

/**
 * What can be done with a repository: read and list it; add content and new tags; the same and move tags too; delete
 * tags, manifests and blobs.
 */
export type Right = 'pull' | 'create' | 'push' | 'delete';

export const allRights: readonly Right[] = ['pull', 'create', 'push', 'delete'];

/** Who may do what. Rules add up, and what none of them allows is refused. */
export interface Rule {
  /** Names, or patterns of them: `*` stands for anything but a slash, `**` for anything. */
  readonly repositories: readonly string[];
  /** Names of users; `*` is everybody who has logged in. */
  readonly users?: readonly string[];
  /** For everybody, logged in or not. */
  readonly anonymous?: boolean;
  /** `push` has `create` in it. */
  readonly allow: readonly Right[];
}

/** The rules as they are now: asked for with every request. */
export type RuleSource = () => Promise<readonly Rule[]>;

/** What one caller may do. */
export interface Rights {
  may(right: Right, repository: string): boolean;
  /** Whether there is any repository that they may do anything with. */
  readonly some: boolean;
  /** Whether there is no repository that they may not read. */
  readonly pullAll: boolean;
}

export const everything: Rights = { may: () => true, some: true, pullAll: true };
export const nothing: Rights = { may: () => false, some: false, pullAll: false };

/** What the rules allow a user, or with `undefined` those who have not logged in. */
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

const matchers = new WeakMap<Rule, readonly ((repository: string) => boolean)[]>();

function matchersOf(rule: Rule): readonly ((repository: string) => boolean)[] {
  const known = matchers.get(rule) ?? rule.repositories.map(createPattern);
  matchers.set(rule, known);
  return known;
}
