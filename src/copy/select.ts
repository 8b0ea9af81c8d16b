import { ContentError, NotFoundError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { encodeManifest, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm } from '../spec/digest.ts';
import { type IndexManifest, isAttestationOf, type Manifest } from '../spec/manifest.ts';
import { formatPlatform, type Platform, selectPlatform } from '../spec/platform.ts';
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
  platforms: readonly Platform[],
  options: SignalOptions = {},
): Promise<Manifest> {
  if (root.body.kind !== 'index') return root;
  const wanted = selectChildren(root, root.body, platforms);
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
export function selectChildren(
  root: Manifest,
  { manifests }: IndexManifest,
  platforms: readonly Platform[],
): SelectedChildren {
  const images = platforms.map((platform) => choose(root, manifests, platform));
  const kept = new Set(images.map(({ digest }) => digest));
  return { images, includes: (child) => kept.has(child.digest) || isAttestationOf(child, kept) };
}

function choose(root: Manifest, manifests: readonly Descriptor[], platform: Platform): Descriptor {
  const child = selectPlatform(manifests, platform);
  if (child !== undefined) return child;
  throw new NotFoundError(
    'MANIFEST_UNKNOWN',
    `index ${root.descriptor.digest} has no image for platform ${formatPlatform(platform)}`,
  );
}

/** The same index with some of its entries; every other field, also those that gantry doesn't know, stays. */
function rewriteIndex(root: Manifest, keep: (child: Descriptor) => boolean): Manifest {
  const { body, descriptor } = root;
  if (body.kind !== 'index')
    throw new ContentError('MANIFEST_INVALID', `${descriptor.digest} is not an index`);
  const raw: unknown = JSON.parse(new TextDecoder().decode(root.bytes));
  if (typeof raw !== 'object' || raw === null || !('manifests' in raw) || !Array.isArray(raw.manifests)) {
    throw new ContentError('MANIFEST_INVALID', `${descriptor.digest} is not an index`);
  }
  const entries: readonly unknown[] = raw.manifests;
  const manifests = entries.filter((_, at) => {
    const child = body.manifests[at];
    return child !== undefined && keep(child);
  });
  const bytes = encodeManifest({ ...raw, manifests });
  const digest = digestOf(bytes, computableAlgorithm(descriptor.digest));
  return parseManifest(bytes, { digest, mediaType: descriptor.mediaType });
}
