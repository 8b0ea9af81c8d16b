import { ContentError } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { parseImageConfig } from '../json/image-config.ts';
import { type Descriptor, openable } from '../spec/descriptor.ts';
import { isDigest } from '../spec/digest.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import { refuseSchema1 } from '../spec/schema1.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { createLayer, type Layer, type LayerOrigin } from './layer.ts';

/** An image as a lazy, immutable view: each part is read when it is asked for, and again each time. */
export interface Image {
  readonly kind: 'image';
  /** Where all of it is, of a view that was opened there. */
  readonly place?: ViewPlace;
  manifest(options?: SignalOptions): Promise<Manifest & { readonly body: ImageManifest }>;
  /** The config's exact bytes. */
  rawConfig(options?: SignalOptions): Promise<Uint8Array>;
  config(options?: SignalOptions): Promise<ImageConfig>;
  /** Base first. */
  layers(options?: SignalOptions): Promise<readonly Layer[]>;
}

/** A config that is larger is no image's. */
const configLimit = 8 * 1024 * 1024;

export interface ViewPlace {
  readonly repository: Repository;
  /** Of a place in a registry: its name, which lets blobs be mounted when they are pushed there again. */
  readonly registry?: string | undefined;
}

/**
 * The image that a manifest describes, its blobs being in `repository`. Throws MANIFEST_INVALID if it describes none,
 * UNSUPPORTED for one of docker's schema 1.
 */
export function openImage(
  repository: Repository,
  manifest: Manifest,
  { registry }: Pick<ViewPlace, 'registry'> = {},
): Image {
  const { descriptor, bytes, body } = manifest;
  refuseSchema1(descriptor, repository.name);
  if (body.kind !== 'image') {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${repository.name}@${descriptor.digest} is not an image but ${descriptor.mediaType}`,
    );
  }
  const rawConfig = ({ signal }: SignalOptions = {}): Promise<Uint8Array> =>
    collectContent(repository.blobs.open(openable(body.config)), {
      limit: configLimit,
      what: `config ${body.config.digest} of ${repository.name}`,
      signal,
    });
  const config = async (options?: SignalOptions): Promise<ImageConfig> =>
    parseImageConfig(await rawConfig(options));
  return {
    kind: 'image',
    place: { repository, registry },
    manifest: async () => ({ descriptor, bytes, body }),
    rawConfig,
    config,
    async layers(options) {
      // An artifact's config means something to somebody else, and its layers are no change sets.
      const diffIds = isConfigType(body.config.mediaType) ? (await config(options)).rootfs.diff_ids : [];
      const origin = registry === undefined ? undefined : { registry, repository: repository.name };
      return body.layers.map((layer, at) => openLayer(repository, layer, { diffId: diffIds[at], origin }));
    },
  };
}

function openLayer(
  repository: Repository,
  descriptor: Descriptor,
  { diffId, origin }: { readonly diffId: string | undefined; readonly origin: LayerOrigin | undefined },
): Layer {
  return createLayer(repository.blobs.open(openable(descriptor)), {
    ...(descriptor.unsized === true ? { mediaType: descriptor.mediaType } : { descriptor }),
    origin,
    ...(diffId !== undefined && isDigest(diffId) ? { diffId } : {}),
  });
}
