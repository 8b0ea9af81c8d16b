import { ContentError } from '../errors.ts';
import { inlineData } from '../flow/inline-data.ts';
import { parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Manifests, SignalOptions } from './contract.ts';

/**
 * Returns a manifest of an index from the `data` of its descriptor or from the place.
 * @throws SIZE_INVALID when the index names another size, since other readers of the index would refuse the manifest;
 * also the errors of `get`
 */
export async function getChild(
  manifests: Pick<Manifests, 'get'>,
  child: Descriptor,
  options: SignalOptions = {},
): Promise<Manifest> {
  const bytes = inlineData(child);
  if (bytes !== undefined) return parseManifest(bytes, child);
  const manifest = await manifests.get(child.digest, options);
  const { size } = manifest.descriptor;
  if (child.unsized === true || size === child.size) return manifest;
  throw new ContentError(
    'SIZE_INVALID',
    `manifest ${child.digest} has ${size} bytes, but its index names ${child.size}`,
    { expected: child.size, actual: size },
  );
}
