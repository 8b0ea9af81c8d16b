import { InputError, UnsupportedError } from '../../errors.ts';
import {
  type Field,
  has,
  member,
  type ObjectField,
  readArray,
  readMap,
  readString,
  refusal,
} from '../../json/field.ts';
import { parseJson } from '../../json/parse.ts';
import { decodeBase64 } from '../base64.ts';
import { readExact } from '../exact-object.ts';
import { type PublicKey, parsePublicKey } from '../public-key.ts';
import { type IdentityRule, readIdentityRule } from './signed-identity.ts';

/** One demand on an image. */
export type PolicyRequirement =
  | { readonly kind: 'accept' }
  | { readonly kind: 'reject' }
  | { readonly kind: 'signed'; readonly keys: readonly PublicKey[]; readonly identity: IdentityRule };

/** A policy in the format of containers' `policy.json`, read. */
export interface PolicyDocument {
  readonly fallback: readonly PolicyRequirement[];
  /** The demands by transport and scope. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly PolicyRequirement[]>>;
}

/** Reads a file that a policy names. */
export type ReadPolicyFile = (path: string) => Promise<Uint8Array>;

const what = 'the policy';
/** Real policies have some kilobytes. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Reads a policy strictly: unknown members, duplicate keys, empty lists and a missing `default` are refused.
 * @throws INVALID_OPTION naming the member
 * @throws UNSUPPORTED for demands that gantry cannot check
 * @see https://github.com/containers/image/blob/v5.36.0/docs/containers-policy.json.5.md
 */
export async function readPolicyDocument(bytes: Uint8Array, read: ReadPolicyFile): Promise<PolicyDocument> {
  try {
    const field = { value: parseJson(bytes, { what, maxBytes: mostBytes }), what, path: '' };
    const policy = readExact(field, 'default', 'transports');
    const fallback = await readRequirements(member(policy, 'default'), read);
    const transports = new Map<string, ReadonlyMap<string, readonly PolicyRequirement[]>>();
    const listed = has(policy, 'transports') ? readMap(member(policy, 'transports')) : undefined;
    for (const name of Object.keys(listed?.value ?? {})) {
      if (listed !== undefined) transports.set(name, await readScopes(member(listed, name), name, read));
    }
    return { fallback, transports };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ContentError') throw error;
    throw new InputError('INVALID_OPTION', error.message, { cause: error });
  }
}

async function readScopes(
  field: Field,
  transport: string,
  read: ReadPolicyFile,
): Promise<ReadonlyMap<string, readonly PolicyRequirement[]>> {
  const scopes = readMap(field);
  const found = new Map<string, readonly PolicyRequirement[]>();
  for (const scope of Object.keys(scopes.value)) {
    // A pattern that never matches would leave images to a weaker rule.
    if (scope.replace(/^\*\./, '').includes('*') || (scope.includes('*') && transport !== 'docker')) {
      throw refusal(scopes, `has the scope "${scope.slice(0, 100)}": only docker's may begin with "*."`);
    }
    found.set(scope, await readRequirements(member(scopes, scope), read));
  }
  return found;
}

async function readRequirements(field: Field, read: ReadPolicyFile): Promise<readonly PolicyRequirement[]> {
  if (field.value === null) throw refusal(field, 'is missing');
  const items = readArray(field, (item) => item);
  if (items.length === 0) throw refusal(field, 'is empty: list at least one demand');
  return Promise.all(items.map((item) => readRequirement(item, read)));
}

async function readRequirement(field: Field, read: ReadPolicyFile): Promise<PolicyRequirement> {
  const type = readString(member(readMap(field), 'type'));
  switch (type) {
    case 'insecureAcceptAnything':
      readExact(field, 'type');
      return { kind: 'accept' };
    case 'reject':
      readExact(field, 'type');
      return { kind: 'reject' };
    case 'sigstoreSigned':
      return readSigned(field, read);
    case 'signedBy':
    case 'signedBaseLayer':
      throw new UnsupportedError(
        'policy',
        `${what}: ${field.path} demands "${type}", which gantry cannot check`,
      );
    default:
      throw refusal(field, `has the unknown type "${type.slice(0, 100)}"`);
  }
}

const sources = ['keyPath', 'keyPaths', 'keyData', 'keyDatas'] as const;
const unsupported: readonly string[] = [
  'fulcio',
  'pki',
  'rekorPublicKeyPath',
  'rekorPublicKeyPaths',
  'rekorPublicKeyData',
  'rekorPublicKeyDatas',
];

async function readSigned(field: Field, read: ReadPolicyFile): Promise<PolicyRequirement> {
  const signed = readExact(field, 'type', 'signedIdentity', ...sources, ...unsupported);
  const other = unsupported.find((name) => has(signed, name));
  if (other !== undefined) {
    throw new UnsupportedError(
      'policy',
      `${what}: ${field.path}.${other} is a demand that gantry cannot check`,
    );
  }
  const [source, ...others] = sources.filter((name) => has(signed, name));
  if (source === undefined || others.length > 0)
    throw refusal(field, `needs exactly one of ${sources.join(', ')}`);
  const keys = (await keyTexts(signed, source, read)).map((pem) => parsePublicKey(pem));
  const identity = has(signed, 'signedIdentity') ? member(signed, 'signedIdentity') : undefined;
  return { kind: 'signed', keys, identity: readIdentityRule(identity) };
}

async function keyTexts(
  signed: ObjectField,
  source: (typeof sources)[number],
  read: ReadPolicyFile,
): Promise<readonly string[]> {
  const field = member(signed, source);
  const values = source.endsWith('s') ? readArray(field, readString) : [readString(field)];
  if (values.length === 0) throw refusal(field, 'is empty');
  const isPath = source.startsWith('keyPath');
  return Promise.all(
    values.map(async (value) => {
      const bytes = isPath ? await read(value) : decodeBase64(value);
      if (bytes === undefined) throw refusal(field, 'is not base64');
      return new TextDecoder().decode(bytes);
    }),
  );
}
