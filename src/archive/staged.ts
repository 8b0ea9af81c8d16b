import { NotFoundError, UnsupportedError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { type ImageManifest, type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import { isAttestation, selectPlatform } from '../spec/platform.ts';
import { compareBytes, listed } from '../store/listing.ts';
import type { BaseRoot } from './base.ts';
import type { FileContent } from './file.ts';
import { distinctNames, fullName } from './names.ts';
import type { StagedBlobs } from './staged-blobs.ts';
import type { StagedManifests } from './staged-manifests.ts';

/** The manifests, names and blobs of an archive that is not yet written. */
export interface Staged {
  readonly path: string;
  readonly manifests: Pick<StagedManifests, 'all' | 'names'>;
  readonly blobs: Pick<StagedBlobs, 'content' | 'digests'>;
  /** The roots of an archive that is added to, with their entries in index.json. */
  readonly kept?: readonly BaseRoot[];
}

interface Root {
  readonly manifest: Manifest;
  /** The names that no entry has yet. */
  readonly names: readonly string[];
  readonly kept: readonly BaseRoot[];
}

export interface NamedImage {
  readonly image: ImageManifest;
  /** Only full names, because `docker load` accepts no others. */
  readonly names: readonly string[];
}

/**
 * Returns the manifests that have a name or an entry, or that no index lists; sorted by name, then by digest.
 */
export function rootsOf({ manifests, kept = [] }: Pick<Staged, 'manifests' | 'kept'>): readonly Root[] {
  const listedSomewhere = new Set<Digest>();
  for (const { body } of manifests.all.values()) {
    for (const { digest } of manifestsOf(body)) listedSomewhere.add(digest);
  }
  const roots: Root[] = [];
  for (const [digest, manifest] of manifests.all) {
    const names = listed([...manifests.names].filter(([, named]) => named === digest).map(([name]) => name));
    const own = kept.filter((root) => root.digest === digest && root.entry !== undefined);
    if (names.length > 0 || own.length > 0 || !listedSomewhere.has(digest)) {
      roots.push({ manifest, names, kept: own });
    }
  }
  const rank = ({ names, manifest, kept: own }: Root): string =>
    names[0] ?? own[0]?.names[0] ?? `\u{10ffff}${manifest.descriptor.digest}`;
  return roots.sort((a, b) => compareBytes(rank(a), rank(b)));
}

/**
 * Returns the images that Docker can load, each once with all its names. For an index, that is the image of
 * the default platform, the same on every machine. Throws UNSUPPORTED without such an image.
 */
export function imagesOf(staged: Omit<Staged, 'blobs'>): readonly NamedImage[] {
  const images = new Map<Digest, NamedImage>();
  for (const { manifest, kept, ...root } of rootsOf(staged)) {
    const names = distinctNames([...kept.flatMap((one) => one.names), ...root.names]);
    const chosen = imageOf(staged, manifest);
    if (chosen?.body.kind !== 'image' || !isConfigType(chosen.body.config.mediaType)) continue;
    const { digest } = chosen.descriptor;
    const full = names.filter((name) => fullName(name) !== undefined);
    images.set(digest, { image: chosen.body, names: [...(images.get(digest)?.names ?? []), ...full] });
  }
  if (images.size > 0) return [...images.values()];
  throw new UnsupportedError(
    'docker archive',
    `${staged.path}: there is no image that Docker can load; "gantry copy" to oci-archive:FILE or oci:DIR, and ` +
      '"gantry pull --format=oci", take any content',
  );
}

/**
 * Throws UNSUPPORTED for a root that Docker cannot load, as far as the root alone shows it: an artifact, or
 * an index with only artifacts.
 */
export function refuseUnloadable(
  path: string,
  { descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>,
): void {
  if (body.kind === 'image' && isConfigType(body.config.mediaType)) return;
  if (body.kind === 'index' && body.manifests.some(mayBeImage)) return;
  throw new UnsupportedError(
    'docker archive',
    `${path}: ${descriptor.digest} is no image that Docker can load; "gantry copy" to oci-archive:FILE or oci:DIR, and ` +
      '"gantry pull --format=oci", take any content',
  );
}

function mayBeImage(child: Descriptor): boolean {
  return !isAttestation(child) && child.artifactType === undefined;
}

function imageOf(
  { manifests }: Pick<Staged, 'manifests'>,
  { body, ...manifest }: Manifest,
): Manifest | undefined {
  if (body.kind !== 'index') return { body, ...manifest };
  const there = body.manifests.filter((child) => manifests.all.has(child.digest) && !isAttestation(child));
  const child = selectPlatform(there) ?? there[0];
  return child === undefined ? undefined : manifests.all.get(child.digest);
}

/** Returns a blob to write. Throws MANIFEST_BLOB_UNKNOWN when it no longer exists. */
export function demandStaged(blobs: Staged['blobs'], { digest }: Descriptor): FileContent {
  const content = blobs.content(digest);
  if (content !== undefined) return content;
  throw new NotFoundError('MANIFEST_BLOB_UNKNOWN', `blob ${digest} was not written`);
}
