/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys */
export const baseNameKey = 'org.opencontainers.image.base.name';
export const baseDigestKey = 'org.opencontainers.image.base.digest';

/** Returns the annotations about the base of an image. A base without a name keeps the name that is there. */
export function baseAnnotations(name: string | undefined, digest: string): Readonly<Record<string, string>> {
  return { [baseDigestKey]: digest, ...(name === undefined ? {} : { [baseNameKey]: name }) };
}
