import { ContentError } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { type Descriptor, openable } from '../spec/descriptor.ts';
import { isDigest } from '../spec/digest.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import { checkArgument, checkOptions, text } from '../spec/options.ts';
import { refuseSchema1 } from '../spec/schema1.ts';
import { aManifest, aRepository } from '../store/checks.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { changeable } from './edit/changeable.ts';
import type { Image, ViewPlace } from './image.ts';
import { createLayer, type Layer, type LayerOrigin } from './layer.ts';

/**
 * Checks the arguments of `openImage` and `openIndex`.
 * @throws INVALID_OPTION
 */
export function checkView(what: string, repository: unknown, manifest: unknown, options: unknown): void {
  checkArgument(what, 'repository', repository, aRepository);
  checkArgument(what, 'manifest', manifest, aManifest);
  checkOptions(what, options, { registry: text });
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
  let kept: Uint8Array | undefined;
  const rawConfig = async ({ signal }: SignalOptions = {}): Promise<Uint8Array> => {
    kept ??= await collectContent(repository.blobs.open(openable(body.config)), {
      limit: configLimit,
      what: `config ${body.config.digest} of ${repository.name}`,
      signal,
    });
    // The caller may change its array.
    return new Uint8Array(kept);
  };
  const config = async (options?: SignalOptions): Promise<ImageConfig> =>
    parseImageConfig(await rawConfig(options));
  return changeable({
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
  });
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
