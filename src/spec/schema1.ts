import { UnsupportedError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import { MediaType, parseMediaType } from './media-type.ts';

const types: ReadonlySet<string> = new Set([MediaType.schema1, MediaType.schema1Signed]);

/** True for docker's first manifest format, signed or not. */
export function isSchema1({ mediaType }: Pick<Descriptor, 'mediaType'>): boolean {
  return types.has(parseMediaType(mediaType));
}

/**
 * Refuses a manifest in docker's first format where an image is needed. Its bytes remain readable. It has no config and
 * no sizes, and a conversion would change the digest, so only the maker of the image can convert it.
 * @throws UNSUPPORTED with the next step in its message
 */
export function refuseSchema1(descriptor: Descriptor, where: string): void {
  if (!isSchema1(descriptor)) return;
  throw new UnsupportedError(
    'schema 1',
    `${where}@${descriptor.digest} is a docker schema 1 manifest, which registries and docker have dropped: build or push the image anew ` +
      'with a docker from 1.10 to 25, or ask for a newer tag; its manifest alone can be read ("gantry manifest")',
  );
}
