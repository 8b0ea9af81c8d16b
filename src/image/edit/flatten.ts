import { gzipped } from '../../flow/compression.ts';
import { sliced } from '../../flow/content.ts';
import { parseImageConfig } from '../../json/image-config.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  count,
  either,
  oneOf,
  type Shape,
} from '../../spec/options.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Image, ImageView } from '../image.ts';
import { createLayer, type Layer } from '../layer.ts';
import { openFileSystem, openUpperLayer } from '../open-file-system.ts';
import { changed } from './changeable.ts';
import { addedSteps, type BuildStep, epoch, layersFor, stepsOf, withSteps } from './steps.ts';

/** Settings of `flatten`. */
export interface FlattenOptions {
  /**
   * Makes the layer of the tar with all files, for example `layerOfTar`, which keeps it on disk.
   * @defaultValue a layer with gzip that reads the layers of the image again for each of its readings
   */
  readonly layerOf?: ((tar: AsyncIterable<Uint8Array>) => Promise<Layer>) | undefined;
  /**
   * The number of lowest layers to keep, such as those of the base, which other images share. Only the layers above become one.
   * An image with one layer above them stays as it is.
   * @defaultValue `0`
   */
  readonly keep?: number | undefined;
}

const shape: Shape<FlattenOptions> = {
  layerOf: callback,
  keep: either('a whole number from 0', oneOf(0), count),
};

/**
 * Merges the layers of an image into one, with whiteouts and links resolved. The same layers make the same digest. The config
 * stays but for its history: one entry, with the old history as its comment. Kept layers keep their history, and the merged layer
 * has whiteouts for the files that it removes from them.
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
  const { layerOf, keep = 0 } = options;
  let known: Layer | undefined;
  const layer = async (read?: SignalOptions): Promise<Layer> => {
    known ??=
      layerOf === undefined ? mergedLayer(image, keep) : await layerOf(await mergedTar(image, keep, read));
    return known;
  };
  return changed(image, {
    async documents(documents, read) {
      const { created, history = [] } = parseImageConfig(documents.config);
      if (isFlat(documents.manifest, keep)) return documents;
      const kept = keep === 0 ? [] : lowest(stepsOf(documents), keep);
      const merged = history.slice(history.length === 0 ? 0 : kept.length);
      const entry = {
        created: created ?? epoch,
        created_by: `gantry flatten ${documents.manifest.descriptor.digest}`,
        ...(merged.length === 0 ? {} : { comment: JSON.stringify(merged) }),
      };
      const layers = layersFor(documents.manifest, [await layer(read)]);
      return withSteps(documents, [...kept, ...(await addedSteps(layers, { history: [entry] }, read))]);
    },
    async layers(read) {
      const manifest = await image.manifest(read);
      const all = await image.layers(read);
      return isFlat(manifest, keep)
        ? all
        : [...all.slice(0, keep), ...layersFor(manifest, [await layer(read)])];
    },
  });
}

/** True if there is nothing to merge above the kept layers. */
function isFlat({ body }: ImageView, keep: number): boolean {
  return keep > 0 && body.layers.length <= keep + 1;
}

/** Returns the steps below the first layer above the kept ones. */
function lowest(steps: readonly BuildStep[], keep: number): readonly BuildStep[] {
  let left = keep;
  const at = steps.findIndex(({ layer }) => layer !== undefined && left-- === 0);
  return at < 0 ? steps : steps.slice(0, at);
}

async function mergedTar(
  image: Image,
  keep: number,
  read: SignalOptions | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  return keep === 0 ? (await openFileSystem(image, read)).tar(read) : openUpperLayer(image, keep, read);
}

function mergedLayer(image: Image, keep: number): Layer {
  return createLayer({
    replayable: true,
    async *open(options = {}) {
      yield* sliced(gzipped(await mergedTar(image, keep, { signal: options.signal })), options);
    },
  });
}
