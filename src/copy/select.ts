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
 * The root of a copy that takes chosen platforms: of one platform that image, of several a rewritten index, which
 * has a digest of its own. Attestations go with the images that they are about. A root that is an image is the
 * only choice there is and is taken as it is, as crane does.
 * Throws MANIFEST_UNKNOWN naming the platform that is not there.
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
  /** One for each platform, in their order. */
  readonly images: readonly Descriptor[];
  /** Whether a child is one of them, or an attestation of one. */
  readonly includes: (child: Descriptor) => boolean;
}

/** The children of an index for these platforms. Throws MANIFEST_UNKNOWN naming the platform that is not there. */
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
 * The child that says it is for the platform. Where none does, those that say nothing are looked at: their configs say it.
 * An image whose config doesn't either counts as one for linux/amd64, as for crane.
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

/** Children that are looked at for their platform: each takes two questions. */
const maxAsked = 32;

function isImage(child: Descriptor): boolean {
  return selectPlatform([child], child.platform ?? defaultPlatform) !== undefined;
}

/** Go programs write an absent platform as one of empty strings. */
function saysNoPlatform(child: Descriptor): boolean {
  return isImage(child) && !child.platform?.os && !child.platform?.architecture;
}

/** As its config says it; linux/amd64 where that says nothing. Undefined for a child that is not there, or is no image. */
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
