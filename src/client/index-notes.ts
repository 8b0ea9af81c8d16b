import type { Index } from '../image/image-index.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { familyOf } from '../spec/media-family.ts';
import { isImageType, isIndexType } from '../spec/media-type.ts';
import { formatPlatform, isAttestation } from '../spec/platform.ts';
import { isSamePlatform } from '../spec/platform-pattern.ts';
import type { SignalOptions } from '../store/contract.ts';

/** Returns sentences about results of a change that a user may not expect. */
export async function indexNotes(
  before: Index | undefined,
  after: Index,
  options: SignalOptions,
): Promise<readonly string[]> {
  const old = (await before?.manifest(options))?.body.manifests ?? [];
  const entries = (await after.manifest(options)).body.manifests;
  const removed = old.filter(({ digest }) => !entries.some((entry) => entry.digest === digest));
  const twins = entries.filter((entry, at) => isHidden(entry, entries.slice(0, at)));
  return [
    ...(isMixed(entries) && !isMixed(old)
      ? ["the index has images of docker's media types and of OCI's; all of them keep their types"]
      : []),
    ...twins
      .filter((twin) => !old.some(({ digest }) => digest === twin.digest))
      .map(({ digest, platform }) => {
        const name = platform === undefined ? '' : ` for ${formatPlatform(platform)}`;
        return `the index had an image${name} before ${digest}, and clients take the first`;
      }),
    ...removed
      .filter(({ mediaType }) => isIndexType(mediaType))
      .map(({ digest }) => `the nested index ${digest} is left out with all its images`),
  ];
}

function isMixed(entries: readonly Descriptor[]): boolean {
  const types = entries.map(({ mediaType }) => mediaType);
  const known = types.filter((type) => isImageType(type) || isIndexType(type));
  return new Set(known.map(familyOf)).size > 1;
}

/** Returns whether an image before this one is for the same platform. */
function isHidden(entry: Descriptor, earlier: readonly Descriptor[]): boolean {
  const { platform, digest } = entry;
  if (platform === undefined || platform.os === 'unknown' || isAttestation(entry)) return false;
  return earlier.some((one) => one.digest !== digest && isSamePlatform(one.platform, platform));
}
