import { NotFoundError } from '../errors.ts';
import { openImage } from '../image/open-image.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import {
  defaultPlatform,
  formatPlatform,
  matchesPlatform,
  type Platform,
  toPlatform,
} from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/**
 * Compares a single image with explicit platforms. An index and an artifact pass; an image with a config that names no
 * platform counts as linux/amd64, as in an index.
 * @throws MANIFEST_UNKNOWN when the image is for another platform, naming both
 */
export async function demandPlatforms(
  repository: Repository,
  manifest: Manifest,
  platforms: readonly (Platform | string)[],
  options: SignalOptions,
): Promise<void> {
  const { body, descriptor } = manifest;
  if (body.kind !== 'image' || !isConfigType(body.config.mediaType)) return;
  const config = await openImage(repository, manifest).config(options);
  const have = config.os === '' || config.architecture === '' ? defaultPlatform : config;
  const missing = platforms.map(toPlatform).find((platform) => !matchesPlatform(have, platform));
  if (missing === undefined) return;
  throw new NotFoundError(
    'MANIFEST_UNKNOWN',
    `image ${repository.name}@${descriptor.digest} is for ${formatPlatform(have)}, not ${formatPlatform(missing)}`,
  );
}
