import { ContentError, isGantryError, NotFoundError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseIndexJson, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import type { TarEntry } from '../tar/entry.ts';
import type { ArchiveContents } from './contents.ts';
import type { SavedImage } from './docker.ts';
import { within } from './failure.ts';
import { checkedContent, demand, type Tarball } from './tarball.ts';

/** The annotation that Docker and containerd put the full name in. */
export const imageNameAnnotation = 'io.containerd.image.name';
export const refNameAnnotation = 'org.opencontainers.image.ref.name';

/** Indexes in indexes: two are in use. */
const maxDepth = 8;
/** An index of so many manifests is an attack on memory. */
const maxManifests = 10_000;

export function blobPath(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestEncoded(digest)}`;
}

/**
 * Reads an OCI layout: every manifest that can be reached, and that each image in it is whole. Children of an index
 * may be missing, since Docker saves the platforms that it has under the index that it pulled.
 * Roots that index.json doesn't name get the names that manifest.json has for them.
 * Throws MANIFEST_UNKNOWN, BLOB_UNKNOWN, SIZE_INVALID, DIGEST_INVALID, MANIFEST_INVALID, TOO_LARGE.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export async function readOci(
  tarball: Tarball,
  indexJson: Uint8Array,
  saved: readonly SavedImage[] = [],
): Promise<ArchiveContents> {
  const index = within(tarball.path, () => parseIndexJson(indexJson));
  const manifests = new Map<Digest, Manifest>();
  const roots: Descriptor[] = [];
  for (const root of index.manifests) {
    if (tarball.find(blobPath(root.digest)) === undefined && isManifestType(root.mediaType)) {
      throw new NotFoundError('MANIFEST_UNKNOWN', `${tarball.path}: manifest ${root.digest} is missing`);
    }
    await visit(tarball, root, manifests);
    const manifest = manifests.get(root.digest);
    if (manifest !== undefined) roots.push({ ...root, mediaType: manifest.descriptor.mediaType });
  }
  return {
    roots: roots.map((root) => {
      const names = namesOf(root);
      return { names: names.length > 0 ? names : savedNames(root, manifests, saved), load: async () => root };
    }),
    manifests,
    blob(digest) {
      const entry = tarball.find(blobPath(digest));
      if (entry === undefined) return undefined;
      return checkedContent(tarball.content(entry), digest, `${tarball.path}: blob ${digest}`);
    },
  };
}

/** The full name and, where it isn't just the tag of that, the reference name. */
function namesOf({ annotations = {} }: Descriptor): readonly string[] {
  const full = annotations[imageNameAnnotation];
  const ref = annotations[refNameAnnotation];
  const names: string[] = [];
  if (full !== undefined) names.push(full);
  if (ref !== undefined && full?.endsWith(`:${ref}`) !== true) names.push(ref);
  return names;
}

/** The two files are matched by the config, as manifest.json names no manifests. */
function savedNames(
  { digest }: Descriptor,
  manifests: ReadonlyMap<Digest, Manifest>,
  saved: readonly SavedImage[],
): readonly string[] {
  const body = manifests.get(digest)?.body;
  if (body === undefined) return [];
  const children = manifestsOf(body).map((child) => manifests.get(child.digest)?.body);
  const configs = [body, ...children].map((image) =>
    image?.kind === 'image' ? blobPath(image.config.digest) : '',
  );
  return saved.filter(({ Config }) => configs.includes(Config)).flatMap(({ RepoTags }) => RepoTags);
}

async function visit(
  tarball: Tarball,
  descriptor: Descriptor,
  manifests: Map<Digest, Manifest>,
  depth = 0,
): Promise<void> {
  if (manifests.has(descriptor.digest)) return;
  const entry = tarball.find(blobPath(descriptor.digest));
  if (entry === undefined) return;
  if (depth > maxDepth || manifests.size >= maxManifests) {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${tarball.path}: more than ${maxManifests} manifests, or nested ${maxDepth} deep`,
    );
  }
  const isNamed = isManifestType(descriptor.mediaType);
  const manifest = await (isNamed ? readManifest : recognise)(tarball, descriptor, entry);
  if (manifest === undefined) return;
  manifests.set(descriptor.digest, manifest);
  const { body } = manifest;
  if (body.kind === 'image') {
    checkBlob(tarball, body.config, 'config');
    for (const layer of body.layers) checkBlob(tarball, layer, 'layer');
  }
  if (body.kind === 'index') {
    for (const child of body.manifests) await visit(tarball, child, manifests, depth + 1);
  }
}

async function readManifest(tarball: Tarball, descriptor: Descriptor, entry: TarEntry): Promise<Manifest> {
  const { digest, mediaType } = descriptor;
  const what = `${tarball.path}: manifest ${digest}`;
  checkSize(descriptor, entry, what);
  computableAlgorithm(digest);
  const content = checkedContent(tarball.content(entry), digest, what);
  const bytes = await collect(content.open(), { limit: manifestLimit, what });
  return within(tarball.path, () => parseManifest(bytes, { digest, mediaType }));
}

/** A manifest whose descriptor calls it something else; undefined for other content. */
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

/** Layers that may not be distributed stay where their `urls` say. */
function checkBlob(tarball: Tarball, blob: Descriptor, role: string): void {
  const path = blobPath(blob.digest);
  if (tarball.find(path) === undefined && !isDistributable(blob.mediaType)) return;
  checkSize(blob, demand(tarball, path, role), `${tarball.path}: ${role} ${blob.digest}`);
}

function checkSize({ size: expected }: Descriptor, { size: actual }: TarEntry, what: string): void {
  if (expected === actual) return;
  throw new ContentError(
    'SIZE_INVALID',
    `${what} has ${actual} bytes, not the ${expected} that were announced`,
    {
      expected,
      actual,
    },
  );
}
