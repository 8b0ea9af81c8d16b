import { ContentError } from '../errors.ts';
import { manifestOf } from '../json/make-manifest.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { IndexManifest, Manifest } from '../spec/manifest.ts';
import { isImageType, isIndexType, MediaType } from '../spec/media-type.ts';
import { checkOptions, object } from '../spec/options.ts';
import type { Platform } from '../spec/platform.ts';
import { getChild } from '../store/child.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { type Image, openImage, type ViewPlace } from './image.ts';

/** A manifest that is known to be an index. */
export type IndexView = Manifest & { readonly body: IndexManifest };

/** An image index as a lazy, immutable view. */
export interface Index {
  readonly kind: 'index';
  /** Where all of it is, of a view that was opened there. */
  readonly place?: ViewPlace;
  manifest(options?: SignalOptions): Promise<IndexView>;
  /** The images and indexes that it lists, in its order; whatever else it lists is left out. */
  children(options?: SignalOptions): Promise<readonly (Image | Index)[]>;
}

/** The index that a manifest is, its children being in `repository`. Throws MANIFEST_INVALID if it is none. */
export function openIndex(
  repository: Repository,
  manifest: Manifest,
  { registry }: Pick<ViewPlace, 'registry'> = {},
): Index {
  const { descriptor, bytes, body } = manifest;
  if (body.kind !== 'index') {
    throw new ContentError('MANIFEST_INVALID', `${repository.name}@${descriptor.digest} is not an index`);
  }
  return {
    kind: 'index',
    place: { repository, registry },
    manifest: async () => ({ descriptor, bytes, body }),
    async children(options) {
      const listed = body.manifests.filter(
        ({ mediaType }) => isIndexType(mediaType) || isImageType(mediaType),
      );
      const manifests = await Promise.all(
        listed.map((child) => getChild(repository.manifests, child, options)),
      );
      return manifests.map((child) =>
        child.body.kind === 'index'
          ? openIndex(repository, child, { registry })
          : openImage(repository, child, { registry }),
      );
    },
  };
}

export interface IndexEntry {
  readonly image: Image | Index;
  readonly platform?: Platform;
  readonly annotations?: Annotations;
}

/** An OCI index of these entries. Throws INVALID_OPTION. */
export function createIndex(
  entries: readonly IndexEntry[],
  options: { readonly annotations?: Annotations } = {},
): Index {
  checkOptions<typeof options>('createIndex', options, { annotations: object });
  const { annotations } = options;
  const describe = async (
    { image, platform, ...entry }: IndexEntry,
    options?: SignalOptions,
  ): Promise<Descriptor> => {
    const { mediaType, digest, size } = (await image.manifest(options)).descriptor;
    return {
      mediaType,
      digest,
      size,
      ...(platform === undefined ? {} : { platform }),
      ...(entry.annotations === undefined ? {} : { annotations: entry.annotations }),
    };
  };
  return {
    kind: 'index',
    async manifest(options) {
      const manifests = await Promise.all(entries.map((entry) => describe(entry, options)));
      return indexOf(manifests, annotations === undefined ? {} : { annotations });
    },
    children: async () => entries.map(({ image }) => image),
  };
}

/** The OCI index that lists these manifests. */
export function indexOf(
  manifests: readonly Descriptor[],
  options: { readonly annotations?: Annotations } = {},
): IndexView {
  const value = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests, ...options } as const;
  const { descriptor, bytes } = manifestOf(value);
  return { descriptor, bytes, body: { kind: 'index', ...value } };
}
