import { ContentError, isGantryError, NotFoundError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { inlineData } from '../flow/inline-data.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import { type ImageManifest, type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import type { TarEntry } from '../tar/entry.ts';
import { blobMember } from './blob-member.ts';
import { inArchive } from './failure.ts';
import { checkedContent, demand, type Tarball } from './tarball.ts';

/** The manifests of a layout, and the error for each root that cannot be read. */
export interface Trees {
  readonly manifests: Map<Digest, Manifest>;
  readonly failures: Map<Digest, unknown>;
}

/** The limit of manifests below a root. A larger index is an attack on memory. */
const maxManifests = 10_000;

/**
 * Reads all existing manifests below a root. Notes an error instead of throwing it, so it does not block
 * other roots.
 */
export async function readTree(tarball: Tarball, root: Descriptor, trees: Trees): Promise<void> {
  try {
    await visit(tarball, root, trees.manifests, 0);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    trees.failures.set(root.digest, error);
  }
}

/** Throws BLOB_UNKNOWN or SIZE_INVALID unless config and layers exist with the sizes in their descriptors. */
export function demandImage(tarball: Tarball, image: ImageManifest): void {
  checkBlob(tarball, image.config, 'config');
  for (const layer of image.layers) checkBlob(tarball, layer, 'layer');
}

/**
 * Throws unless one image of the index exists, and each existing one is complete. An image without its config
 * was not saved; one with its config and without a layer is damaged.
 */
export function demandPart(tarball: Tarball, index: Manifest, { manifests }: Trees): void {
  const children = manifestsOf(index.body);
  const seen = new Map<Digest, boolean>();
  const there = children.filter((child) => isThere(tarball, child, { manifests, seen }));
  if (there.length > 0 || children.length === 0) return;
  throw new NotFoundError(
    'MANIFEST_UNKNOWN',
    `${tarball.path} has no image of index ${index.descriptor.digest}`,
  );
}

interface Look {
  readonly manifests: ReadonlyMap<Digest, Manifest>;
  /** Checks each index once, also if several indexes list it. */
  readonly seen: Map<Digest, boolean>;
}

function isThere(tarball: Tarball, { digest }: Descriptor, look: Look): boolean {
  const known = look.seen.get(digest);
  if (known !== undefined) return known;
  // Set before the look, so that a circle ends.
  look.seen.set(digest, false);
  const found = isImageThere(tarball, digest, look);
  look.seen.set(digest, found);
  return found;
}

function isImageThere(tarball: Tarball, digest: Digest, look: Look): boolean {
  const body = look.manifests.get(digest)?.body;
  if (body?.kind === 'index') {
    // An index without entries has nothing that could be missing.
    if (body.manifests.length === 0) return true;
    return body.manifests.filter((child) => isThere(tarball, child, look)).length > 0;
  }
  if (body?.kind !== 'image') return tarball.find(blobMember(digest)) !== undefined;
  if (tarball.find(blobMember(body.config.digest)) === undefined && inlineData(body.config) === undefined) {
    return false;
  }
  demandImage(tarball, body);
  return true;
}

async function visit(
  tarball: Tarball,
  descriptor: Descriptor,
  manifests: Map<Digest, Manifest>,
  depth: number,
): Promise<void> {
  if (manifests.has(descriptor.digest)) return;
  const entry = tarball.find(blobMember(descriptor.digest));
  if (entry === undefined) return;
  if (depth > maxNesting || manifests.size >= maxManifests) {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${tarball.path}: more than ${maxManifests} manifests, or indexes nested more than ${maxNesting} deep`,
    );
  }
  const isNamed = isManifestType(descriptor.mediaType);
  const manifest = await (isNamed ? readManifest : recognise)(tarball, descriptor, entry);
  if (manifest === undefined) return;
  manifests.set(descriptor.digest, manifest);
  for (const child of manifestsOf(manifest.body)) await visit(tarball, child, manifests, depth + 1);
}

async function readManifest(tarball: Tarball, descriptor: Descriptor, entry: TarEntry): Promise<Manifest> {
  const { digest, mediaType } = descriptor;
  const what = `${tarball.path}: manifest ${digest}`;
  checkSize(descriptor, entry, what);
  computableAlgorithm(digest);
  const content = checkedContent(tarball.content(entry), digest, what);
  const bytes = await collect(content.open(), { limit: manifestLimit, what });
  return inArchive(tarball.path, () => parseManifest(bytes, { digest, mediaType }));
}

/** Reads a manifest that its descriptor gives another type; undefined for other content. */
async function recognise(
  tarball: Tarball,
  descriptor: Descriptor,
  entry: TarEntry,
): Promise<Manifest | undefined> {
  if (entry.size > manifestLimit) return undefined;
  try {
    const manifest = await readManifest(tarball, descriptor, entry);
    return manifest.body.kind === 'unknown' ? undefined : manifest;
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_INVALID')) return undefined;
    throw error;
  }
}

/** Accepts the absence of layers that may not be distributed, and of content in the descriptor itself. */
function checkBlob(tarball: Tarball, blob: Descriptor, role: string): void {
  const path = blobMember(blob.digest);
  const isElsewhere = !isDistributable(blob.mediaType) || inlineData(blob) !== undefined;
  if (isElsewhere && tarball.find(path) === undefined) return;
  checkSize(blob, demand(tarball, path, role), `${tarball.path}: ${role} ${blob.digest}`);
}

function checkSize({ size: expected, unsized }: Descriptor, { size: actual }: TarEntry, what: string): void {
  if (unsized === true || expected === actual) return;
  throw new ContentError(
    'SIZE_INVALID',
    `${what} has ${actual} bytes, not the ${expected} in its descriptor`,
    { expected, actual },
  );
}
