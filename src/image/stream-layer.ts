import { InputError, UnsupportedError } from '../errors.ts';
import { type Compression, compressed } from '../flow/compression.ts';
import { type Content, streamContent } from '../flow/content.ts';
import { createHasher, hashing } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { ociLayerTypes } from '../spec/media-type.ts';
import { checkArgument, checkOptions, count, iterable, oneOf, type Shape, text } from '../spec/options.ts';
import type { Blobs, IngestOptions } from '../store/contract.ts';
import type { Layer } from './layer.ts';

/** Settings of a streaming layer. */
export interface StreamLayerOptions {
  /** @defaultValue 'gzip' */
  readonly compression?: Compression | undefined;
  /**
   * The level: 1 to 9 for gzip, 1 to 22 for zstd.
   * @defaultValue 6 for gzip, 3 for zstd
   */
  readonly level?: number | undefined;
  /** @defaultValue the OCI layer type of the compression */
  readonly mediaType?: string | undefined;
}

/**
 * A layer that is read once, during its push: from standard input, a pipe or a generator. Its digests are known only
 * after the push; before that, `descriptor` and `diffId` throw UNSUPPORTED.
 */
export interface StreamLayer extends Layer {
  /** Distinguishes the layer from one that can be read again. */
  readonly streaming: true;
  /**
   * Compresses, hashes and stores the layer in one pass.
   * @throws INVALID_OPTION on the second call
   */
  ingest(blobs: Pick<Blobs, 'ingest'>, options?: Omit<IngestOptions, 'mediaType'>): Promise<Descriptor>;
}

const shape: Shape<StreamLayerOptions> = {
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
  mediaType: text,
};

/**
 * Makes a layer of an uncompressed tar that is read once, during the push.
 * @throws INVALID_OPTION for a wrong option
 */
export function createStreamLayer(
  source: AsyncIterable<Uint8Array>,
  options: StreamLayerOptions = {},
): StreamLayer {
  checkArgument('createStreamLayer', 'source', source, iterable);
  checkOptions('createStreamLayer', options, shape);
  const { compression = 'gzip', level } = options;
  const { mediaType = ociLayerTypes[compression] } = options;
  let begun = false;
  let known: { readonly descriptor: Descriptor; readonly diffId: Digest } | undefined;

  const learned = (): { readonly descriptor: Descriptor; readonly diffId: Digest } => {
    if (known !== undefined) return known;
    throw new UnsupportedError(
      'descriptor',
      'the digest of a streaming layer is unknown until it has been pushed',
    );
  };
  return {
    streaming: true,
    mediaType,
    descriptor: async () => learned().descriptor,
    diffId: async () => learned().diffId,
    compressed: gone,
    uncompressed: gone,
    async ingest(blobs, ingestOptions = {}) {
      if (begun)
        throw new InputError(
          'INVALID_OPTION',
          'a streaming layer can be pushed only once: create a new one from a new source',
        );
      begun = true;
      const hasher = createHasher();
      const packed = compressed(hashing(source, hasher), { compression, level });
      const descriptor = await blobs.ingest(streamContent(packed), { ...ingestOptions, mediaType });
      known = { descriptor, diffId: hasher.digest() };
      return descriptor;
    },
  };
}

export function isStreamLayer(layer: Layer): layer is StreamLayer {
  return 'streaming' in layer && layer.streaming === true;
}

/** The bytes of a pushed layer exist only in its place. */
function gone(): Content {
  return {
    replayable: false,
    open() {
      throw new UnsupportedError('read', 'a streaming layer cannot be read, only pushed');
    },
  };
}
