import { isGantryError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { isConfigType, MediaType } from '../spec/media-type.ts';
import type { Manifests, SignalOptions } from '../store/contract.ts';
import { referrerEntry } from '../store/referrers.ts';

/**
 * Returns the entry of a referrer with the type from its manifest; undefined if the manifest is gone. Older clients wrote the
 * list under the fallback tag without types, or with the type of the config. Any other entry stays as it is.
 */
export async function withOwnType(
  manifests: Pick<Manifests, 'get'>,
  entry: Descriptor,
  options: SignalOptions,
): Promise<Descriptor | undefined> {
  const { artifactType = '', digest } = entry;
  if (artifactType !== '' && artifactType !== MediaType.empty && !isConfigType(artifactType)) return entry;
  try {
    return { ...entry, ...referrerEntry(await manifests.get(digest, options)) };
  } catch (error) {
    const gone = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN', 'MANIFEST_INVALID'];
    if (isGantryError(error) && gone.includes(error.code)) return undefined;
    throw error;
  }
}
