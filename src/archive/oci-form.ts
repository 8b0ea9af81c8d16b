import { bytesContent } from '../flow/content.ts';
import { encodeManifest } from '../json/manifest.ts';
import { imageNameAnnotation, refNameAnnotation } from '../spec/annotation.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { formatReference } from '../spec/reference.ts';
import { compareBytes } from '../store/listing.ts';
import type { TarFileWithBody } from '../tar/write.ts';
import { blobMember } from './blob-member.ts';
import type { FileContent } from './file.ts';
import { fullName } from './names.ts';
import { imagesOf, rootsOf, type Staged } from './staged.ts';

/**
 * Returns the files of an OCI layout: blobs by digest, `index.json`, `oci-layout`. Equal content makes equal
 * bytes, in any order of arrival.
 */
export function ociFiles(staged: Staged): readonly TarFileWithBody[] {
  return layoutFiles(staged, (name) => name);
}

/**
 * Returns the files of the same layout with the `manifest.json` of `docker save`, as Docker has written it
 * since version 25. For an index, manifest.json lists one image, because a name there means one image; the
 * index itself is in `index.json`. Throws UNSUPPORTED without an image that Docker can load.
 */
export function dockerFiles(staged: Staged): readonly TarFileWithBody[] {
  const files = [...layoutFiles(staged, tagIn), manifestJson(staged)];
  return files.sort((a, b) => compareBytes(a.name, b.name));
}

/**
 * Returns the files of that form but the blobs and folders, for a tar after its blobs. Throws UNSUPPORTED as
 * `dockerFiles` does.
 */
export function dockerDocuments(staged: Omit<Staged, 'blobs'>): readonly TarFileWithBody[] {
  return [...documentsOf(staged, tagIn), manifestJson(staged)];
}

function manifestJson(staged: Omit<Staged, 'blobs'>): TarFileWithBody {
  const images = imagesOf(staged).map(({ image, names }) => ({
    Config: blobMember(image.config.digest),
    RepoTags: names,
    Layers: image.layers.map(({ digest }) => blobMember(digest)),
  }));
  return jsonFile('manifest.json', images);
}

function tagIn(name: string): string {
  return fullName(name)?.tag ?? name;
}

export function jsonFile(name: string, value: unknown): TarFileWithBody {
  return bytesFile(name, new TextEncoder().encode(JSON.stringify(value)));
}

export function bytesFile(name: string, bytes: Uint8Array): TarFileWithBody {
  return { name, size: bytes.byteLength, body: bytesContent(bytes).open() };
}

function documentsOf(
  staged: Omit<Staged, 'blobs'>,
  refName: (name: string) => string,
): readonly TarFileWithBody[] {
  const manifests = [...staged.manifests.all].map(([digest, { bytes }]) =>
    bytesFile(blobMember(digest), bytes),
  );
  return [
    bytesFile('index.json', indexJson(staged, refName)),
    jsonFile('oci-layout', { imageLayoutVersion: '1.0.0' }),
    ...manifests,
  ];
}

function layoutFiles(staged: Staged, refName: (name: string) => string): readonly TarFileWithBody[] {
  const { manifests, blobs } = staged;
  const files: TarFileWithBody[] = [...documentsOf(staged, refName)];
  for (const digest of blobs.digests()) {
    const content = blobs.content(digest);
    if (content !== undefined && !manifests.all.has(digest)) files.push(blobFile(digest, content));
  }
  return [...files, ...foldersOf(files)].sort((a, b) => compareBytes(a.name, b.name));
}

/**
 * Returns the folders of the layout as entries of their own. skopeo 1.9 gives a folder without an entry to
 * root, and fails if root does not run it.
 */
function foldersOf(files: readonly TarFileWithBody[]): readonly TarFileWithBody[] {
  const folders = files.map(({ name }) => name.slice(0, name.lastIndexOf('/') + 1));
  const names = new Set(['blobs/', ...folders.filter((name) => name !== '')]);
  return [...names].map((name) => ({ name, type: 'directory' }));
}

function blobFile(digest: Digest, content: FileContent): TarFileWithBody {
  return { name: blobMember(digest), size: content.size, body: content.open() };
}

function indexJson(staged: Omit<Staged, 'blobs'>, refName: (name: string) => string): Uint8Array {
  const manifests = rootsOf(staged).flatMap(({ manifest, names, kept }): readonly Descriptor[] => {
    // Completes a size that index.json left out.
    const { size } = manifest.descriptor;
    const entries = kept.flatMap(({ entry }) => (entry === undefined ? [] : { ...asListed(entry), size }));
    if (names.length === 0 && entries.length === 0) return [manifest.descriptor];
    const named = names.map((name) => ({
      ...manifest.descriptor,
      annotations: { ...imageName(name), [refNameAnnotation]: refName(name) },
    }));
    return [...entries, ...named];
  });
  return encodeManifest({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
}

function asListed(descriptor: Descriptor): Descriptor {
  const { unsized: _, ...entry } = descriptor;
  return entry;
}

function imageName(name: string): Readonly<Record<string, string>> {
  const reference = fullName(name);
  return reference === undefined ? {} : { [imageNameAnnotation]: formatReference(reference) };
}
