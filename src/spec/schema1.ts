import { UnsupportedError } from '../errors.ts';
import type { Descriptor } from './descriptor.ts';
import { MediaType, parseMediaType } from './media-type.ts';

const types: ReadonlySet<string> = new Set([MediaType.schema1, MediaType.schema1Signed]);

/** Docker's first format, signed or not. */
export function isSchema1({ mediaType }: Pick<Descriptor, 'mediaType'>): boolean {
  return types.has(parseMediaType(mediaType));
}

/**
 * Throws UNSUPPORTED, saying what to do, where a manifest in docker's first format stands and an image is needed. Its bytes
 * can still be read. It has no config and no sizes, and turned into another format it would have another digest: that is
 * for whoever made the image to do.
 */
export function refuseSchema1(descriptor: Descriptor, where: string): void {
  if (!isSchema1(descriptor)) return;
  throw new UnsupportedError(
    'schema 1',
    `${where}@${descriptor.digest} is a docker schema 1 manifest, which registries and docker have dropped: build or push the image anew ` +
      'with a docker from 1.10 to 25, or ask for a newer tag; its manifest alone can be read ("gantry manifest")',
  );
}
