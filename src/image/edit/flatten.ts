import { gzipped } from '../../flow/compression.ts';
import { sliced } from '../../flow/content.ts';
import { parseImageConfig } from '../../json/image-config.ts';
import { callback, checkArgument, checkOptions, type Shape } from '../../spec/options.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image } from '../image.ts';
import { createLayer, type Layer } from '../layer.ts';
import { openFileSystem } from '../open-file-system.ts';
import { changed } from './changeable.ts';
import { addedSteps, epoch, layersFor, withSteps } from './steps.ts';

/** Settings of `flatten`. */
export interface FlattenOptions {
  /**
   * Makes the layer of the tar with all files, for example `layerOfTar`, which keeps it on disk.
   * @defaultValue a layer with gzip that reads the layers of the image again for each of its readings
   */
  readonly layerOf?: ((tar: AsyncIterable<Uint8Array>) => Promise<Layer>) | undefined;
}

const shape: Shape<FlattenOptions> = { layerOf: callback };

/**
 * Merges the layers of an image into one, with whiteouts and links resolved. The same layers make the same digest. The config
 * stays but for its history: one entry, with the old history as its comment.
 * @throws INVALID_OPTION for a wrong argument; reading the view throws the errors of `openFileSystem`
 * @example
 * ```ts
 * import { createClient, flatten } from 'gantry';
 *
 * await using client = createClient();
 * await client.pushImage('ghcr.io/acme/app:flat', flatten(await client.getImage('ghcr.io/acme/app:1')));
 * ```
 */
export function flatten(image: Image, options: FlattenOptions = {}): Image {
  checkArgument('flatten', 'image', image, aView);
  checkOptions('flatten', options, shape);
  const { layerOf } = options;
  let known: Layer | undefined;
  const layer = async (read?: SignalOptions): Promise<Layer> => {
    known ??=
      layerOf === undefined
        ? mergedLayer(image)
        : await layerOf((await openFileSystem(image, read)).tar(read));
    return known;
  };
  return changed(image, {
    async documents(documents, read) {
      const { created, history = [] } = parseImageConfig(documents.config);
      const entry = {
        created: created ?? epoch,
        created_by: `gantry flatten ${documents.manifest.descriptor.digest}`,
        ...(history.length === 0 ? {} : { comment: JSON.stringify(history) }),
      };
      const layers = layersFor(documents.manifest, [await layer(read)]);
      return withSteps(documents, await addedSteps(layers, { history: [entry] }, read));
    },
    layers: async (read) => layersFor(await image.manifest(read), [await layer(read)]),
  });
}

function mergedLayer(image: Image): Layer {
  return createLayer({
    replayable: true,
    async *open(options = {}) {
      const files = await openFileSystem(image, { signal: options.signal });
      yield* sliced(gzipped(files.tar({ signal: options.signal })), options);
    },
  });
}
