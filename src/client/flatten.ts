import { flatten } from '../image/edit/flatten.ts';
import type { Connections } from './connections.ts';
import { type EditedImage, type EditOptions, editImages } from './edit.ts';
import { createKeptLayers } from './kept-layers.ts';
import { type LayerFile, layerOfTar } from './layers/layer-file.ts';
import { type Place, toPlace } from './place.ts';

/**
 * Merges the layers of an image, or of every image of an index. Layers from a registry and the new ones are kept on disk until
 * the end, because flattening reads them twice.
 */
export async function flattenImages(
  connections: Connections,
  source: string | Place,
  options: EditOptions = {},
): Promise<EditedImage> {
  const origin = toPlace(source);
  await using kept = createKeptLayers();
  const made: LayerFile[] = [];
  const layerOf = async (tar: AsyncIterable<Uint8Array>): Promise<LayerFile> => {
    const layer = await layerOfTar(tar, { signal: options.signal });
    made.push(layer);
    return layer;
  };
  try {
    return await editImages(
      connections,
      origin,
      (image) => flatten(origin.kind === 'registry' ? kept.keep(image) : image, { layerOf }),
      options,
    );
  } finally {
    for (const layer of made) await layer[Symbol.asyncDispose]();
  }
}
