import { ContentError } from '../errors.ts';
import { manifestOf } from '../json/make-manifest.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { IndexManifest, Manifest } from '../spec/manifest.ts';
import { isImageType, isIndexType, MediaType } from '../spec/media-type.ts';
import { arrayOf, checkArgument, checkOptions, object, optionsOf, type Shape } from '../spec/options.ts';
import { aPlatform, type Platform } from '../spec/platform.ts';
import { aView } from '../store/checks.ts';
import { getChild } from '../store/child.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Image, ViewPlace } from './image.ts';
import { checkView, openImage } from './open-image.ts';

/** A manifest that is an index. */
export type IndexView = Manifest & {
  /** The content of the index. */
  readonly body: IndexManifest;
};

/** An image index as a lazy, immutable view. */
export interface Index {
  readonly kind: 'index';
  /** The place of all its content, if the view was opened there. */
  readonly place?: ViewPlace;
  /** The place of the entries that `children` leaves out, if the view has changed images. */
  readonly rest?: ViewPlace | undefined;
  /** Returns the index with its exact bytes and their digest. */
  manifest(options?: SignalOptions): Promise<IndexView>;
  /** Returns the images and indexes in the index, in order. Leaves out all other entries. */
  children(options?: SignalOptions): Promise<readonly (Image | Index)[]>;
}

/**
 * Opens a manifest as an index with its children in `repository`.
 * @throws MANIFEST_INVALID when the manifest is no index
 */
export function openIndex(
  repository: Repository,
  manifest: Manifest,
  options: Pick<ViewPlace, 'registry'> = {},
): Index {
  checkView('openIndex', repository, manifest, options);
  const { registry } = options;
  const { descriptor, bytes, body } = manifest;
  if (body.kind !== 'index') {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${repository.name}@${descriptor.digest} is no index: its type is ${descriptor.mediaType}`,
    );
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

/** One entry of a new index. */
export interface IndexEntry {
  /** The image or the nested index. */
  readonly image: Image | Index;
  /** The platform in the entry's descriptor. */
  readonly platform?: Platform;
  /** The annotations in the entry's descriptor. */
  readonly annotations?: Annotations;
}

const entryShape: Shape<IndexEntry> = { image: aView, platform: aPlatform, annotations: object };

/**
 * Makes an OCI index of these entries.
 * @throws INVALID_OPTION for a wrong option or entry
 */
export function createIndex(
  entries: readonly IndexEntry[],
  options: { readonly annotations?: Annotations } = {},
): Index {
  checkArgument('createIndex', 'entries', entries, arrayOf(optionsOf(entryShape)));
  for (const [at, { image }] of entries.entries())
    checkArgument(`createIndex: "entries"[${at}]`, 'image', image, aView);
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
      return makeIndex(manifests, annotations === undefined ? {} : { annotations });
    },
    children: async () => entries.map(({ image }) => image),
  };
}

/** Makes an OCI index of these descriptors. */
export function makeIndex(
  manifests: readonly Descriptor[],
  options: { readonly annotations?: Annotations } = {},
): IndexView {
  const value = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests, ...options } as const;
  const { descriptor, bytes } = manifestOf(value);
  return { descriptor, bytes, body: { kind: 'index', ...value } };
}
