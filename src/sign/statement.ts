import {
  type Field,
  knownKeys,
  member,
  optional,
  readArray,
  readObject,
  readString,
  readStringMap,
  refusal,
} from '../json/field.ts';
import { parseJson } from '../json/parse.ts';
import type { Annotations } from '../spec/descriptor.ts';
import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';

/** A statement of in-toto: a predicate about subjects. */
export interface Statement {
  readonly subjects: readonly StatementSubject[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** A subject of a statement. */
export interface StatementSubject {
  /** Hashes in hexadecimal by algorithm. */
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations: Annotations;
}

const types: readonly string[] = ['https://in-toto.io/Statement/v0.1', 'https://in-toto.io/Statement/v1'];
const statementKeys = knownKeys('_type', 'subject', 'predicateType', 'predicate');
const subjectKeys = knownKeys(
  'name',
  'digest',
  'annotations',
  'uri',
  'content',
  'downloadLocation',
  'mediaType',
);

/**
 * Parses a statement. Unknown members are allowed, as in-toto demands.
 * @throws MANIFEST_INVALID naming the field
 * @see https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md
 */
export function parseStatement(bytes: Uint8Array, what: string): Statement {
  const field = { value: parseJson(bytes, { what }), what, path: '' };
  const statement = readObject(field, statementKeys);
  const type = member(statement, '_type');
  if (!types.includes(readString(type))) throw refusal(type, 'is no known version of a statement');
  return {
    subjects: readArray(member(statement, 'subject'), readSubject),
    predicateType: readString(member(statement, 'predicateType')),
    predicate: statement.value['predicate'],
  };
}

function readSubject(field: Field): StatementSubject {
  const subject = readObject(field, subjectKeys);
  return {
    digest: readStringMap(member(subject, 'digest')),
    annotations: optional(subject, 'annotations', readAnnotations) ?? {},
  };
}

/** Reads annotations of any value; only strings count. */
function readAnnotations(field: Field): Annotations {
  const { value } = readObject(field, knownKeys());
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (typeof one === 'string' ? [[key, one] as const] : [])),
  );
}

/** Returns the subjects of a statement that are this image. A digest of another case or algorithm is another one. */
export function subjectsNaming({ subjects }: Statement, digest: Digest): readonly StatementSubject[] {
  const algorithm = digestAlgorithm(digest);
  return subjects.filter(
    (subject) =>
      Object.hasOwn(subject.digest, algorithm) && subject.digest[algorithm] === digestEncoded(digest),
  );
}
