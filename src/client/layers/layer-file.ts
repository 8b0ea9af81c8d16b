import { openFile, pathContent } from '../../archive/file.ts';
import { createSpool } from '../../archive/spool.ts';
import { type Compression, decompressed, detectCompression } from '../../flow/compression.ts';
import { type Content, streamContent } from '../../flow/content.ts';
import { counted } from '../../flow/count.ts';
import { createHasher, hashing, measure } from '../../flow/hash.ts';
import { createLayer, type Layer } from '../../image/layer.ts';
import { packedLayer } from '../../image/packed-layer.ts';
import { ociLayerTypes } from '../../spec/media-type.ts';
import {
  checkArgument,
  checkOptions,
  count,
  either,
  iterable,
  oneOf,
  type Shape,
  signal,
  text,
} from '../../spec/options.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { checkedTar } from '../../tar/checked-tar.ts';

/** Settings of `layerOfTar` and `layerOfFolder`. */
export interface LayerFileOptions extends SignalOptions {
  /**
   * The compression of a plain tar. A tar that is compressed already stays as it is.
   * @defaultValue 'gzip'
   */
  readonly compression?: Compression | undefined;
  /**
   * The level: 1 to 9 for gzip, 1 to 22 for zstd.
   * @defaultValue 1 for gzip, as in crane: a tenth larger than 6, and three times as fast; 3 for zstd
   */
  readonly level?: number | undefined;
}

/** A layer with its bytes in a file. Disposing it removes a temporary file. */
export interface LayerFile extends Layer, AsyncDisposable {}

/** A layer is compressed while its user waits, and may be pulled only once. */
const quickLevel = 1;

/** The checks of the settings. */
export const layerFileShape: Shape<LayerFileOptions> = {
  signal,
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
};

/**
 * Makes a layer of a tar, compressed or not, and checks that it is one while hashing it. Compresses a plain tar once, into a
 * temporary file; a stream goes into one as well. Dispose the layer after its last use.
 * @throws NAME_UNKNOWN when there is no such file
 * @throws MANIFEST_INVALID when the source is no tar
 * @throws SIZE_INVALID when the tar is cut off
 * @throws UNSUPPORTED for zstd on a runtime without it
 * @example
 * ```ts
 * import { createClient, layerOfTar } from 'gantry';
 *
 * await using client = createClient();
 * await using layer = await layerOfTar('app.tar');
 * await client.edit('ghcr.io/acme/app:1', (image) => image.withLayers([layer]));
 * ```
 */
export async function layerOfTar(
  source: string | AsyncIterable<Uint8Array>,
  options: LayerFileOptions = {},
): Promise<LayerFile> {
  checkArgument('layerOfTar', 'source', source, either('a path or an iterable', text, iterable));
  checkOptions('layerOfTar', options, layerFileShape);
  if (typeof source !== 'string')
    return layerOf({ what: 'the tar', content: streamContent(source) }, options);
  const file = await openFile(source);
  try {
    const { content, isRegular } = file;
    const origin = isRegular ? pathContent(source, content.size) : streamContent(file.chunks(options));
    return await layerOf({ what: source, content: origin }, options);
  } finally {
    await file.close();
  }
}

/** The bytes of a layer before they are stored: a file that can be read again, or a stream. */
interface Origin {
  readonly what: string;
  readonly content: Content;
}

async function layerOf({ what, content }: Origin, options: LayerFileOptions): Promise<LayerFile> {
  const { signal, compression: wanted = 'gzip' } = options;
  const { level = wanted === 'gzip' ? quickLevel : undefined } = options;
  const { compression, source } = await detectCompression(content.open({ signal }));
  const isStored = compression !== 'none' || wanted === 'none';
  if (isStored && content.replayable) {
    return measuredLayer(content, source, { what, compression, signal }, async () => undefined);
  }
  const spool = createSpool();
  const dispose = async (): Promise<void> => spool[Symbol.asyncDispose]();
  try {
    if (isStored) {
      const kept = await spool.keep(source);
      return await measuredLayer(kept, kept.open({ signal }), { what, compression, signal }, dispose);
    }
    const tar = checkedTar(source, { what, signal });
    const layer = await packedLayer(tar, { compression: wanted, level, keep: (bytes) => spool.keep(bytes) });
    return { ...layer, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Measured extends SignalOptions {
  readonly what: string;
  readonly compression: Compression;
}

/** Makes a layer of bytes that stay as they are: `source` reads all of `content` once. */
async function measuredLayer(
  content: Content,
  source: AsyncIterable<Uint8Array>,
  { what, compression, signal }: Measured,
  dispose: () => Promise<void>,
): Promise<LayerFile> {
  const stored = createHasher();
  let size = 0;
  const read = counted(hashing(source, stored), (length) => {
    size += length;
  });
  const { digest: diffId } = await measure(checkedTar(decompressed(read, { what }), { what, signal }));
  const descriptor = { mediaType: ociLayerTypes[compression], digest: stored.digest(), size };
  return { ...createLayer(content, { descriptor, diffId }), [Symbol.asyncDispose]: dispose };
}
