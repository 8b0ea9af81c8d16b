import { formatReference } from '../spec/reference.ts';
import type { Place } from './place.ts';

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys */
export const baseNameKey = 'org.opencontainers.image.base.name';
export const baseDigestKey = 'org.opencontainers.image.base.digest';

/** Returns the name of a base, if it is a tag of a registry. */
export function baseName(place: Place): string | undefined {
  if (place.kind !== 'registry') return undefined;
  const { registry, repository, tag } = place.reference;
  return tag === undefined ? undefined : formatReference({ registry, repository, tag });
}

/** Returns the annotations about the base of an image. A base without a name keeps the name that is there. */
export function baseAnnotations(name: string | undefined, digest: string): Readonly<Record<string, string>> {
  return { [baseDigestKey]: digest, ...(name === undefined ? {} : { [baseNameKey]: name }) };
}
