import { isGantryError } from '../errors.ts';
import { formatReference, isTag, parseReference, type Reference } from '../spec/reference.ts';

/**
 * Parses a name in an archive as a reference. Returns undefined for a tag alone and for text outside the
 * grammar.
 */
export function fullName(name: string): Reference | undefined {
  if (isTag(name)) return undefined;
  try {
    return parseReference(name);
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

/** Returns whether two names mean one image, such as `alpine` and `docker.io/library/alpine:latest`. */
export function sameName(name: string, reference: string): boolean {
  const key = nameKey(name);
  return key !== undefined && key === looseKey(reference);
}

/** Returns a text that a name and every reference to its image have in common; undefined for a text that is no full name. */
export function nameKey(name: string): string | undefined {
  const named = fullName(name);
  return named === undefined ? undefined : formatReference(named);
}

/** As `nameKey`, for a reference: a tag alone counts as a name with the tag `latest`. */
export function looseKey(reference: string): string | undefined {
  return nameKey(isTag(reference) ? `${reference}:latest` : reference);
}

/** Returns the names without those that mean the same as an earlier one. */
export function distinctNames(names: readonly string[]): readonly string[] {
  const distinct = new Set<string>();
  const keys = new Set<string | undefined>();
  for (const name of names) {
    const reference = looseKey(name);
    if (distinct.has(name) || (reference !== undefined && keys.has(reference))) continue;
    distinct.add(name);
    keys.add(nameKey(name));
  }
  return [...distinct];
}

export function tagOf(name: string): string | undefined {
  return fullName(name)?.tag;
}
