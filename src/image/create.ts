import { digestOf } from '../flow/hash.ts';
import { manifestOf } from '../json/make-manifest.ts';
import { encodeManifest } from '../json/manifest.ts';
import type { Annotations } from '../spec/descriptor.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import type { ImageManifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { arrayOf, checkOptions, given, object, type Shape } from '../spec/options.ts';
import { aLayer } from '../store/checks.ts';
import type { SignalOptions } from '../store/contract.ts';
import { changeable } from './edit/changeable.ts';
import type { Image, ImageView } from './image.ts';
import type { Layer } from './layer.ts';

/** The parts of a new image. */
export interface ImageParts {
  /** The config without `rootfs`, which the layers decide. */
  readonly config: Omit<ImageConfig, 'rootfs'>;
  /** The layers, from the base upward. */
  readonly layers: readonly Layer[];
  /** The annotations of the manifest. */
  readonly annotations?: Annotations;
}

const shape: Shape<ImageParts> = { config: object, layers: arrayOf(aLayer), annotations: object };

/**
 * Makes an OCI image of these parts. Reads a layer only if its digest is unknown, when the config or the manifest is
 * first requested.
 * @throws INVALID_OPTION for a missing or wrong part
 */
export function createImage(parts: ImageParts): Image {
  checkOptions('createImage', parts, shape, ['config', 'layers']);
  const { config, layers, annotations } = parts;
  const rawConfig = async (options?: SignalOptions): Promise<Uint8Array> =>
    encodeManifest(await fullConfig(options));

  const fullConfig = async (options?: SignalOptions): Promise<ImageConfig> => {
    const diffIds = await Promise.all(layers.map((layer) => layer.diffId(options)));
    return { ...config, rootfs: { type: 'layers', diff_ids: diffIds } };
  };

  return changeable({
    kind: 'image',
    async manifest(options) {
      const bytes = await rawConfig(options);
      return imageManifest(
        given({
          schemaVersion: 2,
          mediaType: MediaType.ociManifest,
          config: { mediaType: MediaType.ociConfig, digest: digestOf(bytes), size: bytes.byteLength },
          layers: await Promise.all(layers.map((layer) => layer.descriptor(options))),
          annotations,
        } as const),
      );
    },
    rawConfig,
    config: fullConfig,
    layers: async () => layers,
  });
}

function imageManifest(value: Omit<ImageManifest, 'kind'> & { readonly mediaType: string }): ImageView {
  const { body, ...manifest } = manifestOf(value);
  return { ...manifest, body: body.kind === 'image' ? body : { kind: 'image', ...value } };
}
