import { createSpool } from '../archive/spool.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import { type Content, type OpenOptions, sliced } from '../flow/content.ts';
import type { Image } from '../image/image.ts';
import type { Layer } from '../image/layer.ts';

/** Layers that are read more than once, unpacked in the temporary folder. Disposing it removes them. */
export interface KeptLayers extends AsyncDisposable {
  /** Returns the image with layers that are fetched, verified and unpacked once, at their first reading. */
  keep(image: Image): Image;
}

/** Keeps the layers of several images, and one that two of them have once. */
export function createKeptLayers(): KeptLayers {
  const spool = createSpool();
  const kept = new Map<string, Content>();
  async function* read(
    key: string,
    layer: Layer,
    limits: UnpackLimits | undefined,
    options: OpenOptions,
  ): AsyncIterable<Uint8Array> {
    const content = kept.get(key);
    if (content !== undefined) {
      yield* content.open(options);
      return;
    }
    const unpacked = layer.uncompressed(limits).open({ signal: options.signal });
    yield* sliced(
      spool.keeping(unpacked, (whole) => kept.set(key, whole)),
      options,
    );
  }
  const keepLayer = (key: string, layer: Layer): Layer => ({
    ...layer,
    uncompressed: (limits) => ({
      replayable: true,
      open: (options = {}) => read(key, layer, limits, options),
    }),
  });
  return {
    keep: (image) => ({
      ...image,
      async layers(options) {
        const { body } = await image.manifest(options);
        const layers = await image.layers(options);
        return layers.map((layer, at) => keepLayer(body.layers[at]?.digest ?? String(at), layer));
      },
    }),
    [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
  };
}
