import { formatReference } from '../spec/reference.ts';
import type { Place } from './place.ts';

/** Returns the name of a base, if it is a tag of a registry. */
export function baseName(place: Place): string | undefined {
  if (place.kind !== 'registry') return undefined;
  const { registry, repository, tag } = place.reference;
  return tag === undefined ? undefined : formatReference({ registry, repository, tag });
}
