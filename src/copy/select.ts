import { ContentError, NotFoundError } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { platformOf } from '../json/config-facts.ts';
import { editJson } from '../json/edit.ts';
import { configLimit } from '../json/image-config.ts';
import { manifestOfBytes } from '../json/make-manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm } from '../spec/digest.ts';
import { isAttestationOf, type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import {
  defaultPlatform,
  formatPlatform,
  matchesPlatform,
  type Platform,
  selectPlatform,
  toPlatform,
} from '../spec/platform.ts';
import { getChild } from '../store/child.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/**
 * Selects the root of a copy with chosen platforms: for one platform its image, for several a rewritten index with a
 * digest of its own. Attestations stay with their images. A root that is an image is used as it is, as in crane.
 * @throws MANIFEST_UNKNOWN naming the missing platform
 */
export async function selectRoot(
  from: Repository,
  root: Manifest,
  platforms: readonly (Platform | string)[],
  options: SignalOptions = {},
): Promise<Manifest> {
  if (root.body.kind !== 'index') return root;
  const wanted = await selectChildren(from, root, platforms, options);
  const [only] = wanted.images;
  if (only !== undefined && platforms.length === 1) return getChild(from.manifests, only, options);
  return rewriteIndex(root, wanted.includes);
}

export interface SelectedChildren {
  /** One for each platform, in the order of the platforms. */
  readonly images: readonly Descriptor[];
  /** True for a selected image and for its attestation. */
  readonly includes: (child: Descriptor) => boolean;
}

/**
 * Selects the children of an index for these platforms.
 * @throws MANIFEST_UNKNOWN naming the missing platform
 */
export async function selectChildren(
  from: Repository,
  root: Manifest,
  platforms: readonly (Platform | string)[],
  options: SignalOptions = {},
): Promise<SelectedChildren> {
  const images: Descriptor[] = [];
  for (const platform of platforms) images.push(await choose(from, root, toPlatform(platform), options));
  const kept = new Set(images.map(({ digest }) => digest));
  return { images, includes: (child) => kept.has(child.digest) || isAttestationOf(child, kept) };
}

/**
 * Selects the child that names the platform. If none does, reads the configs of the children that name no platform. An
 * image whose config names none counts as linux/amd64, as in crane.
 */
async function choose(
  from: Repository,
  root: Manifest,
  platform: Platform,
  options: SignalOptions,
): Promise<Descriptor> {
  const manifests = manifestsOf(root.body);
  const said = selectPlatform(manifests, platform);
  if (said !== undefined) return said;
  for (const child of manifests.filter(saysNoPlatform).slice(0, maxAsked)) {
    const found = await platformOfChild(from, child, options);
    if (found !== undefined && matchesPlatform(found, platform)) return child;
  }
  const there = manifests.flatMap((child) =>
    child.platform && isImage(child) ? formatPlatform(child.platform) : [],
  );
  throw new NotFoundError(
    'MANIFEST_UNKNOWN',
    `index ${from.name}@${root.descriptor.digest} has no image for platform ${formatPlatform(platform)}${there.length === 0 ? '' : `; it has ${[...new Set(there)].join(', ')}`}`,
  );
}

/** The largest number of children to read, since each takes two requests. */
const maxAsked = 32;

function isImage(child: Descriptor): boolean {
  return selectPlatform([child], child.platform ?? defaultPlatform) !== undefined;
}

/** Go programs write an absent platform as one of empty strings. */
function saysNoPlatform(child: Descriptor): boolean {
  return isImage(child) && !child.platform?.os && !child.platform?.architecture;
}

/**
 * Returns the platform in the child's config, and linux/amd64 if the config names none. Returns undefined for a missing
 * child and for one that is no image.
 */
export async function platformOfChild(
  from: Repository,
  child: Descriptor,
  options: SignalOptions,
): Promise<Platform | undefined> {
  try {
    const { body } = await getChild(from.manifests, child, options);
    if (body.kind !== 'image') return undefined;
    if (!isConfigType(body.config.mediaType)) return defaultPlatform;
    const config = from.blobs.open(body.config);
    const what = `config ${body.config.digest}`;
    const bytes = await collectContent(config, { limit: configLimit, what, ...options });
    return platformOf(bytes) ?? defaultPlatform;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** The same index with some of its entries. Every other byte stays. */
export function rewriteIndex(root: Manifest, keep: (child: Descriptor) => boolean): Manifest {
  const { bytes, body, descriptor } = root;
  if (body.kind !== 'index')
    throw new ContentError('MANIFEST_INVALID', `${descriptor.digest} is not an index`);
  const removals = body.manifests.flatMap((child, at) =>
    keep(child) ? [] : { path: ['manifests', at] as const, value: undefined },
  );
  const edited = editJson(bytes, removals, { what: `manifest ${descriptor.digest}` });
  return manifestOfBytes(edited, descriptor.mediaType, computableAlgorithm(descriptor.digest));
}
