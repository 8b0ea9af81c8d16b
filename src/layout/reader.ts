import { blobFileContent, blobSize } from '../blobfile/blob-file.ts';
import { ContentError, NotFoundError, UnsupportedError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { ListOptions, Repository, SignalOptions } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { readOnlyRepository } from '../store/read-only.ts';
import { type LayoutGarbage, type LayoutGarbageOptions, layoutGarbage } from './garbage.ts';
import { LayoutManifests } from './manifests.ts';
import { indexFile, isLayout, readIndex, readIndexManifest } from './marker.ts';

/**
 * An OCI image layout on disk. A reference is a digest or the value of an entry's annotation
 * `org.opencontainers.image.ref.name`. This value may be any text: tools write tags as well as whole references.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
export interface LayoutRepository extends Repository {
  /** Returns the entries of index.json as they are written, with their annotations. */
  roots(options?: SignalOptions): Promise<readonly Descriptor[]>;
  /** Returns index.json byte for byte, as an index manifest. */
  index(options?: SignalOptions): Promise<Manifest>;
  /**
   * Replaces index.json by an index. Its content has to be in the layout; `commit` writes it.
   * @throws UNSUPPORTED when the layout was opened for reading
   */
  replaceIndex(index: Manifest): Promise<void>;
  /**
   * Removes the blobs that nothing in index.json leads to, with the next `commit`, and returns them.
   * @throws MANIFEST_INVALID when a document in the layout is damaged, since it may need any blob
   * @throws UNSUPPORTED when the layout was opened for reading, unless it is a dry run
   */
  collectGarbage(options?: LayoutGarbageOptions): Promise<readonly LayoutGarbage[]>;
}

/** Throws NAME_UNKNOWN when nothing exists at the path, MANIFEST_INVALID when it is not a layout. */
export async function openReader(folder: string): Promise<LayoutRepository> {
  // Some tools leave the marker out, and other tools read the result: index.json suffices.
  await isLayout(folder);
  const index = await readIndex(folder);
  if (index === undefined) {
    const found = await lookAt(folder);
    if (found === undefined) throw new NotFoundError('NAME_UNKNOWN', `there is no folder ${folder}`);
    const why =
      found.isDirectory() || found.isSymbolicLink() ? `it has no file ${indexFile}` : 'it is not a folder';
    throw new ContentError('MANIFEST_INVALID', `${folder} is not an OCI image layout: ${why}`);
  }
  const manifests = new LayoutManifests(folder, index);
  const repository = readOnlyRepository({
    name: folder,
    blobs: {
      async stat(digest, { signal } = {}) {
        signal?.throwIfAborted();
        const size = await blobSize(folder, digest);
        return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
      },
      open: (blob) => blobFileContent(folder, blob),
    },
    manifests: {
      resolve: (reference, options) => manifests.resolve(reference, options),
      get: (reference, options) => manifests.get(reference, options),
      getRaw: (reference, options) => manifests.getRaw(reference, options),
    },
    tags: {
      async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
        signal?.throwIfAborted();
        yield* listed(index.tags, after);
      },
    },
    referrers: (subject, options) => manifests.referrers(subject, options),
  });
  return {
    ...repository,
    roots: async () => index.roots,
    index: () => readIndexManifest(folder),
    async replaceIndex() {
      throw openForReading(folder);
    },
    async collectGarbage({ dryRun = false, signal } = {}) {
      if (!dryRun) throw openForReading(folder);
      return layoutGarbage(
        folder,
        index.roots.map(({ digest }) => digest),
        { signal },
      );
    },
  };
}

function openForReading(folder: string): UnsupportedError {
  return new UnsupportedError('write', `${folder} is open for reading`);
}
