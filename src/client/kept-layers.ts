import { createSpool } from '../archive/spool.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
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
  const contentOf = async (
    key: string,
    layer: Layer,
    limits: UnpackLimits | undefined,
    { signal }: OpenOptions,
  ): Promise<Content> => {
    const content = kept.get(key) ?? (await spool.keep(layer.uncompressed(limits).open({ signal })));
    kept.set(key, content);
    return content;
  };
  const keepLayer = (key: string, layer: Layer): Layer => ({
    ...layer,
    uncompressed: (limits) => ({
      replayable: true,
      async *open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
        yield* (await contentOf(key, layer, limits, options)).open(options);
      },
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
