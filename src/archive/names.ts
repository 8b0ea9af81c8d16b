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
  const named = fullName(name);
  const wanted = looseName(reference);
  return named !== undefined && wanted !== undefined && formatReference(named) === formatReference(wanted);
}

/** Returns the names without those that mean the same as an earlier one. */
export function distinctNames(names: readonly string[]): readonly string[] {
  const distinct: string[] = [];
  for (const name of names) {
    if (!distinct.some((known) => known === name || sameName(known, name))) distinct.push(name);
  }
  return distinct;
}

export function tagOf(name: string): string | undefined {
  return fullName(name)?.tag;
}

function looseName(reference: string): Reference | undefined {
  return isTag(reference) ? fullName(`${reference}:latest`) : fullName(reference);
}
