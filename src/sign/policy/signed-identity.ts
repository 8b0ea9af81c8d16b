import { isGantryError } from '../../errors.ts';
import { type Field, member, readMap, readString, refusal } from '../../json/field.ts';
import { formatReference, parseReference, parseRepository, type Reference } from '../../spec/reference.ts';
import { readExact } from '../exact-object.ts';

/** Whether the name in a signature is right for the name of an image. */
export interface IdentityRule {
  readonly type: string;
  /** Whether the rule needs no name in the signature. Each rule of containers needs one. */
  accepts(image: Reference, signed: string): boolean;
}

/**
 * Reads a `signedIdentity`. The default is that of containers: the same repository, and the same tag for an image by tag.
 * @throws MANIFEST_INVALID naming the field
 */
export function readIdentityRule(field: Field | undefined): IdentityRule {
  if (field === undefined) return { type: 'matchRepoDigestOrExact', accepts: matchRepoDigestOrExact };
  const type = readString(member(readMap(field), 'type'));
  switch (type) {
    case 'matchExact':
      readExact(field, 'type');
      return { type, accepts: matchExact };
    case 'matchRepoDigestOrExact':
      readExact(field, 'type');
      return { type, accepts: matchRepoDigestOrExact };
    case 'matchRepository':
      readExact(field, 'type');
      return { type, accepts: (image, signed) => repositoryOf(signed) === nameOf(image) };
    case 'exactReference': {
      const name = fullName(member(readExact(field, 'type', 'dockerReference'), 'dockerReference'));
      return { type, accepts: (_, signed) => exactly(signed) === name };
    }
    case 'exactRepository': {
      const own = member(readExact(field, 'type', 'dockerRepository'), 'dockerRepository');
      const name = parsed(own, () => nameOf(parseRepository(readString(own))));
      return { type, accepts: (_, signed) => repositoryOf(signed) === name };
    }
    case 'remapIdentity':
      return { type, accepts: remapped(field) };
    default:
      throw refusal(field, `has the unknown type "${type.slice(0, 100)}"`);
  }
}

function matchExact(image: Reference, signed: string): boolean {
  return exactly(signed) === formatReference(image);
}

function matchRepoDigestOrExact(image: Reference, signed: string): boolean {
  const name = exactly(signed);
  if (name === undefined) return false;
  return image.digest === undefined
    ? name === formatReference(image)
    : repositoryOf(signed) === nameOf(image);
}

function remapped(field: Field): IdentityRule['accepts'] {
  const rule = readExact(field, 'type', 'prefix', 'signedPrefix');
  const [prefix, signedPrefix] = ['prefix', 'signedPrefix'].map((name) => readPrefix(member(rule, name)));
  return (image, signed) => {
    const name = formatReference(image);
    const isBelow =
      prefix !== undefined && name.startsWith(prefix) && /^(?:$|[/:@])/.test(name.slice(prefix.length));
    if (!isBelow) return matchRepoDigestOrExact(image, signed);
    const other = referenceOf(`${signedPrefix}${name.slice(prefix.length)}`);
    return other !== undefined && matchRepoDigestOrExact(other, signed);
  };
}

/** A host, a namespace or a repository, without a scheme, a tag or a digest. */
function readPrefix(field: Field): string {
  const text = readString(field);
  if (!/^[a-z0-9.-]+(?::\d+)?(?:\/[a-z0-9._-]+)*$/.test(text)) throw refusal(field, 'is no prefix of names');
  return text;
}

/** Returns the full name of a signed reference; undefined for one without a tag and a digest. */
function exactly(signed: string): string | undefined {
  const reference = referenceOf(signed);
  return reference?.tag === undefined && reference?.digest === undefined
    ? undefined
    : formatReference(reference);
}

function repositoryOf(signed: string): string | undefined {
  const reference = referenceOf(signed);
  return reference === undefined ? undefined : nameOf(reference);
}

function nameOf({ registry, repository }: Reference): string {
  return formatReference({ registry, repository });
}

function fullName(field: Field): string {
  const name = parsed(field, () => exactly(readString(field)));
  if (name === undefined) throw refusal(field, 'has neither a tag nor a digest');
  return name;
}

/** Parses a reference without a default tag; undefined for any other text. */
function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text, { defaultTag: null });
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

function parsed<T>(field: Field, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw refusal(field, error instanceof Error ? error.message : String(error));
  }
}
