import { InputError } from '../../errors.ts';
import {
  type Field,
  has,
  member,
  optional,
  readArray,
  readMap,
  readString,
  refusal,
} from '../../json/field.ts';
import { parseJson } from '../../json/parse.ts';
import { readExact } from '../exact-object.ts';
import { type DistinguishedName, parseName } from './distinguished-name.ts';

/** The checks of a signature that a policy can weaken. A signature over other bytes never counts. */
export type NotationCheck = 'authenticity' | 'authenticTimestamp' | 'expiry' | 'revocation';
type Action = 'enforce' | 'log' | 'skip';

/** The part of a trust policy for one set of repositories. */
export interface TrustStatement {
  readonly name: string;
  readonly scopes: readonly string[];
  /** True if the policy asks for no verification at all. */
  readonly skips: boolean;
  readonly actions: Readonly<Record<NotationCheck, Action>>;
  /** The names of stores with authorities. */
  readonly stores: readonly string[];
  /** The signers to trust; undefined for any. */
  readonly identities: readonly DistinguishedName[] | undefined;
}

const what = 'the trust policy';
const mostBytes = 1024 * 1024;

const levels: Readonly<Record<string, Readonly<Record<NotationCheck, Action>>>> = {
  strict: {
    authenticity: 'enforce',
    authenticTimestamp: 'enforce',
    expiry: 'enforce',
    revocation: 'enforce',
  },
  permissive: { authenticity: 'enforce', authenticTimestamp: 'log', expiry: 'log', revocation: 'log' },
  audit: { authenticity: 'log', authenticTimestamp: 'log', expiry: 'log', revocation: 'log' },
  skip: { authenticity: 'skip', authenticTimestamp: 'skip', expiry: 'skip', revocation: 'skip' },
};

/**
 * Parses a trust policy of Notation, and returns the statement for a repository.
 * @throws INVALID_OPTION when it is malformed, or has no statement for the repository
 * @see https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md
 */
export function trustStatementFor(document: string | Uint8Array, repository: string): TrustStatement {
  const statements = parseTrustPolicy(document);
  const found =
    statements.find(({ scopes }) => scopes.includes(repository)) ??
    statements.find(({ scopes }) => scopes.includes('*'));
  if (found !== undefined) return found;
  throw new InputError(
    'INVALID_OPTION',
    `${what} has no statement for ${repository}: add one, or one for "*"`,
  );
}

function parseTrustPolicy(document: string | Uint8Array): readonly TrustStatement[] {
  try {
    const bytes = typeof document === 'string' ? new TextEncoder().encode(document) : document;
    const field = { value: parseJson(bytes, { what, maxBytes: mostBytes }), what, path: '' };
    const policy = readExact(field, 'version', 'trustPolicies');
    const version = member(policy, 'version');
    if (readString(version) !== '1.0') throw refusal(version, 'is not "1.0"');
    const list = member(policy, 'trustPolicies');
    const statements = readArray(list, readStatement);
    if (statements.length === 0) throw refusal(list, 'is empty');
    refuseTwice(
      list,
      statements.map(({ name }) => name),
      'name',
    );
    refuseTwice(
      list,
      statements.flatMap(({ scopes }) => scopes),
      'scope',
    );
    return statements;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ContentError') throw error;
    throw new InputError('INVALID_OPTION', error.message, { cause: error });
  }
}

function readStatement(field: Field): TrustStatement {
  const statement = readExact(
    field,
    'name',
    'registryScopes',
    'signatureVerification',
    'trustStores',
    'trustedIdentities',
  );
  const scopes = readArray(member(statement, 'registryScopes'), readString);
  const isMixed = scopes.includes('*') && scopes.length > 1;
  const wrong = scopes.find((scope) => scope !== '*' && !/^[\w.:[\]-]+(?:\/[\w.-]+)+$/.test(scope));
  if (scopes.length === 0 || isMixed || wrong !== undefined) {
    throw refusal(member(statement, 'registryScopes'), 'needs either "*" or full names of repositories');
  }
  const { skips, actions } = readVerification(member(statement, 'signatureVerification'));
  const stores = optional(statement, 'trustStores', (list) => readArray(list, readStore)) ?? [];
  const identities = has(statement, 'trustedIdentities') ? member(statement, 'trustedIdentities') : undefined;
  if (skips && (stores.length > 0 || identities !== undefined)) {
    throw refusal(field, 'skips the verification, so it has neither trust stores nor identities');
  }
  if (!skips && (stores.length === 0 || identities === undefined)) {
    throw refusal(field, 'needs trustStores and trustedIdentities');
  }
  return {
    name: readString(member(statement, 'name')),
    scopes,
    skips,
    actions,
    stores,
    identities: identities === undefined ? [] : readIdentities(identities),
  };
}

function readVerification(field: Field): Pick<TrustStatement, 'skips' | 'actions'> {
  const verification = readExact(field, 'level', 'override', 'verifyTimestamp');
  const level = readString(member(verification, 'level'));
  const usual = Object.hasOwn(levels, level) ? levels[level] : undefined;
  if (usual === undefined) throw refusal(field, `has the unknown level "${level.slice(0, 100)}"`);
  const override = has(verification, 'override') ? readMap(member(verification, 'override')).value : {};
  if (level === 'skip' && Object.keys(override).length > 0)
    throw refusal(field, 'skips everything, so it has no override');
  const changed = new Map(Object.entries(usual));
  for (const [name, action] of Object.entries(override)) {
    if (!changed.has(name) || (action !== 'enforce' && action !== 'log' && action !== 'skip')) {
      throw refusal(field, `cannot override "${name.slice(0, 100)}" so`);
    }
    changed.set(name, action);
  }
  const actionOf = (name: NotationCheck): Action => changed.get(name) ?? 'enforce';
  return {
    skips: level === 'skip',
    actions: {
      authenticity: actionOf('authenticity'),
      authenticTimestamp: actionOf('authenticTimestamp'),
      expiry: actionOf('expiry'),
      revocation: actionOf('revocation'),
    },
  };
}

function readStore(field: Field): string {
  const store = readString(field);
  if (!/^(?:ca|signingAuthority|tsa):[\w.-]+$/.test(store))
    throw refusal(field, 'is no trust store, such as "ca:NAME"');
  return store;
}

function readIdentities(field: Field): readonly DistinguishedName[] | undefined {
  const texts = readArray(field, readString);
  if (texts.length === 1 && texts[0] === '*') return undefined;
  if (texts.length === 0) throw refusal(field, 'is empty');
  return texts.map((text) => {
    const name = text.startsWith('x509.subject:') ? parseName(text.slice('x509.subject:'.length)) : undefined;
    if (name === undefined || !['C', 'ST', 'O'].every((key) => name.has(key))) {
      throw refusal(field, `has "${text.slice(0, 100)}": write x509.subject: with at least C, ST and O`);
    }
    return name;
  });
}

function refuseTwice(field: Field, values: readonly string[], kind: string): void {
  const twice = values.find((value, at) => values.indexOf(value) !== at);
  if (twice !== undefined) throw refusal(field, `has the ${kind} "${twice.slice(0, 100)}" twice`);
}
