import { InputError, UnsupportedError } from '../../errors.ts';
import { collect } from '../../flow/collect.ts';
import { type Compression, compressed, sniffCompression } from '../../flow/compression.ts';
import { type Content, sliced } from '../../flow/content.ts';
import { verified } from '../../flow/verify.ts';
import { isDistributable, layerCompression, ociLayerTypes } from '../../spec/media-type.ts';
import { callback, checkArgument, checkOptions, count, oneOf, type Shape } from '../../spec/options.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import { createLayer, type Layer } from '../layer.ts';
import { type OldLayer, onceForAll, type RemakeLayer, withRemadeLayers } from './remake.ts';

/** A compression with its level. */
export interface CompressionLevel {
  /** The compression of the layers. */
  readonly compression: Compression;
  /**
   * The level: 1 to 9 for gzip, 1 to 22 for zstd.
   * @defaultValue 1 for gzip, as for every layer that gantry makes; 3 for zstd
   */
  readonly level?: number | undefined;
}

/** Makes a layer of a tar, for example with `layerOfTar`, which keeps it on disk. */
export type LayerMaker = (tar: AsyncIterable<Uint8Array>, form: CompressionLevel) => Promise<Layer>;

/** Settings of `recompress`. */
export interface RecompressOptions extends CompressionLevel {
  /**
   * Makes each new layer of its tar, for example with `layerOfTar`, which keeps it on disk.
   * @defaultValue a layer that reads and compresses the old one again for each of its readings
   */
  readonly layerOf?: LayerMaker | undefined;
}

const shape: Shape<RecompressOptions> = {
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
  layerOf: callback,
};

/**
 * Compresses the layers of an image anew. A layer that has the compression by its first bytes stays as it is, at any
 * level, and so does one that may not be distributed. The digests of the tars stay; each is checked against the config.
 * Annotations for lazy pulling, of eStargz and zstd:chunked, go away where a layer was made anew.
 *
 * Reading the view throws UNSUPPORTED for zstd in a docker image, for a layer that is no tar by its type, and for a
 * compression that the runtime lacks; DIGEST_INVALID when a tar is not the one that the config names.
 * @throws INVALID_OPTION for a wrong argument
 * @example
 * ```ts
 * import { createClient, recompress } from 'gantry';
 *
 * await using client = createClient();
 * const image = await client.getImage('ghcr.io/acme/app:1');
 * await client.pushImage('ghcr.io/acme/app:plain', recompress(image, { compression: 'none' }));
 * ```
 */
export function recompress(image: Image, options: RecompressOptions): Image {
  checkArgument('recompress', 'image', image, aView);
  checkOptions('recompress', options, shape, ['compression']);
  checkLevel(options);
  return withRemadeLayers(image, recompressor(options));
}

/**
 * Checks a level.
 * @throws INVALID_OPTION when the compression does not have it
 */
export function checkLevel({ compression, level }: CompressionLevel): void {
  const most = mostLevel[compression];
  if (level === undefined || level <= most) return;
  throw new InputError(
    'INVALID_OPTION',
    most === 0
      ? 'layers without compression have no level'
      : `${compression} has the levels 1 to ${most}, not ${level}`,
  );
}

const mostLevel = { gzip: 9, zstd: 22, none: 0 } as const;

/** Returns the function that compresses layers anew, and a layer of several images once. */
export function recompressor({ layerOf, compression, level }: RecompressOptions): RemakeLayer {
  const form = { compression, level: level ?? (compression === 'gzip' ? 1 : undefined) };
  const made = onceForAll<string, Layer>();
  return async (old, read) => {
    const { layer, descriptor, family } = old;
    if (!isDistributable(descriptor.mediaType)) return 'kept';
    const said = layerCompression(descriptor.mediaType);
    if (said === undefined) throw noTar(old);
    if (family === 'docker' && compression === 'zstd') throw noZstd();
    const actual = await storedCompression(layer, read);
    if (actual === compression) return said === actual ? 'kept' : retyped(layer, compression);
    const work = (signal: AbortSignal): Promise<Layer> => remade(old, form, layerOf, { signal });
    return made.run(`${descriptor.digest} ${old.diffId}`, work, read);
  };
}

function remade(
  { layer, descriptor, diffId }: OldLayer,
  form: CompressionLevel,
  layerOf: LayerMaker | undefined,
  { signal }: SignalOptions,
): Promise<Layer> {
  const what = `the tar of layer ${descriptor.digest}`;
  const tar = (options: SignalOptions): AsyncIterable<Uint8Array> =>
    verified(layer.uncompressed().open(options), { digest: diffId, what });
  if (layerOf !== undefined) return layerOf(tar({ signal }), form);
  const content: Content = {
    replayable: true,
    open: (options = {}) => sliced(compressed(tar({ signal: options.signal }), form), options),
  };
  return Promise.resolve(createLayer(content, { mediaType: ociLayerTypes[form.compression], diffId }));
}

/** Returns the compression of a layer by its first bytes. */
export async function storedCompression(layer: Layer, { signal }: SignalOptions): Promise<Compression> {
  const start = layer.compressed().open({ from: 0, to: 4, signal });
  return sniffCompression(await collect(start, { limit: 4, what: 'the first bytes of a layer' }));
}

/** Corrects the media type of a layer that names another compression than its bytes have. */
function retyped(layer: Layer, compression: Compression): Layer {
  const mediaType = ociLayerTypes[compression];
  const descriptor: Layer['descriptor'] = async (options) => ({
    ...(await layer.descriptor(options)),
    mediaType,
  });
  return { ...layer, mediaType, descriptor };
}

/** Makes the error for a layer that is no tar by its type. */
export function noTar({ descriptor }: OldLayer): UnsupportedError {
  return new UnsupportedError(
    'layer',
    `layer ${descriptor.digest} has the type ${descriptor.mediaType}, and only a tar can be compressed anew`,
  );
}

function noZstd(): UnsupportedError {
  return new UnsupportedError(
    'zstd',
    "docker's media types have none for a layer with zstd: convert the image to OCI first",
  );
}
