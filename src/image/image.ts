import { ContentError } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { type Descriptor, openable } from '../spec/descriptor.ts';
import { isDigest } from '../spec/digest.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import { checkArgument, checkOptions, text } from '../spec/options.ts';
import { refuseSchema1 } from '../spec/schema1.ts';
import { aManifest, aRepository } from '../store/checks.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { createLayer, type Layer, type LayerOrigin } from './layer.ts';

/** An image as a lazy, immutable view. Each call reads its part anew. */
export interface Image {
  readonly kind: 'image';
  /** The place of all its content, if the view was opened there. */
  readonly place?: ViewPlace;
  /** Returns the manifest with its exact bytes and their digest. */
  manifest(options?: SignalOptions): Promise<Manifest & { readonly body: ImageManifest }>;
  /** Returns the exact bytes of the config. */
  rawConfig(options?: SignalOptions): Promise<Uint8Array>;
  /**
   * Returns the parsed config.
   * @throws MANIFEST_INVALID when the config is that of an artifact
   */
  config(options?: SignalOptions): Promise<ImageConfig>;
  /** Returns the layers, from the base upward. */
  layers(options?: SignalOptions): Promise<readonly Layer[]>;
}

/**
 * Checks the arguments of `openImage` and `openIndex`.
 * @throws INVALID_OPTION
 */
export function checkView(what: string, repository: unknown, manifest: unknown, options: unknown): void {
  checkArgument(what, 'repository', repository, aRepository);
  checkArgument(what, 'manifest', manifest, aManifest);
  checkOptions(what, options, { registry: text });
}

/** The place where the content of a view is stored. */
export interface ViewPlace {
  /** The repository with all blobs and manifests. */
  readonly repository: Repository;
  /** The name of the repository's registry. A push to the same registry then mounts the blobs. */
  readonly registry?: string | undefined;
}

/**
 * Opens the image that a manifest describes, with its blobs in `repository`.
 * @throws MANIFEST_INVALID when it describes no image
 * @throws UNSUPPORTED for docker's schema 1
 */
export function openImage(
  repository: Repository,
  manifest: Manifest,
  options: Pick<ViewPlace, 'registry'> = {},
): Image {
  checkView('openImage', repository, manifest, options);
  const { registry } = options;
  const { descriptor, bytes, body } = manifest;
  refuseSchema1(descriptor, repository.name);
  if (body.kind !== 'image') {
    throw new ContentError(
      'MANIFEST_INVALID',
      `${repository.name}@${descriptor.digest} is no image: its type is ${descriptor.mediaType}`,
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
      // The config of an artifact belongs to another program, and its layers are no change sets.
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
