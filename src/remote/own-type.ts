import { isGantryError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { isConfigType, MediaType } from '../spec/media-type.ts';
import type { Manifests, SignalOptions } from '../store/contract.ts';
import { referrerEntry } from '../store/referrers.ts';

/**
 * The entry of a referrer with the type that its manifest says. Older clients wrote the list under the fallback tag without
 * types, or with that of the config; an entry that says more than that is taken as it is. Undefined for a manifest that is gone.
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
