import { InputError, UnsupportedError } from '../errors.ts';
import { type Compression, compressed } from '../flow/compression.ts';
import { type Content, streamContent } from '../flow/content.ts';
import { createHasher } from '../flow/hash.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { checkOptions, count, oneOf, type Shape, text } from '../spec/options.ts';
import type { Blobs, IngestOptions } from '../store/contract.ts';
import type { Layer } from './layer.ts';

export interface StreamLayerOptions {
  /** Default gzip. */
  readonly compression?: Compression;
  /** Of gzip, 1 to 9. Default 6. */
  readonly level?: number;
  /** Default: the OCI layer type of the compression. */
  readonly mediaType?: string;
}

/**
 * A layer that is read once, while it is pushed: from standard input, a pipe, a generator. What it is called is only
 * known then; asked before, `descriptor` and `diffId` throw UNSUPPORTED.
 */
export interface StreamLayer extends Layer {
  readonly streaming: true;
  /** Compresses, hashes and stores it in one pass. Throws INVALID_OPTION the second time. */
  ingest(blobs: Pick<Blobs, 'ingest'>, options?: Omit<IngestOptions, 'mediaType'>): Promise<Descriptor>;
}

const mediaTypes: Readonly<Record<Compression, string>> = {
  gzip: MediaType.ociLayerGzip,
  zstd: MediaType.ociLayerZstd,
  none: MediaType.ociLayer,
};

const shape: Shape<StreamLayerOptions> = {
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
  mediaType: text,
};

/** `source`: the uncompressed tar. */
export function createStreamLayer(
  source: AsyncIterable<Uint8Array>,
  options: StreamLayerOptions = {},
): StreamLayer {
  checkOptions('createStreamLayer', options, shape);
  const { compression = 'gzip', level } = options;
  const { mediaType = mediaTypes[compression] } = options;
  let begun = false;
  let known: { readonly descriptor: Descriptor; readonly diffId: Digest } | undefined;

  const learned = (): { readonly descriptor: Descriptor; readonly diffId: Digest } => {
    if (known !== undefined) return known;
    throw new UnsupportedError(
      'descriptor',
      'the digest of a streaming layer is known when it has been pushed',
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
      if (begun) throw new InputError('INVALID_OPTION', 'a streaming layer can be pushed only once');
      begun = true;
      const hasher = createHasher();
      const packed = compressed(
        hashing(source, (chunk) => hasher.update(chunk)),
        { compression, level },
      );
      const descriptor = await blobs.ingest(streamContent(packed), { ...ingestOptions, mediaType });
      known = { descriptor, diffId: hasher.digest() };
      return descriptor;
    },
  };
}

export function isStreamLayer(layer: Layer): layer is StreamLayer {
  return 'streaming' in layer && layer.streaming === true;
}

/** Its bytes are at the place that it was pushed to, and nowhere else. */
function gone(): Content {
  return {
    replayable: false,
    open() {
      throw new UnsupportedError('read', 'a streaming layer can be read only by pushing it');
    },
  };
}

async function* hashing(
  source: AsyncIterable<Uint8Array>,
  update: (chunk: Uint8Array) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    update(chunk);
    yield chunk;
  }
}
