import type { WorkSum } from '../flow/work.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Layer } from '../image/layer.ts';
import { isStreamLayer } from '../image/stream-layer.ts';
import type { SignalOptions } from '../store/contract.ts';

/** Computes the digests for the config and manifest of a view that the program made, and reports the progress. */
export async function measureLayers(
  image: Image | Index,
  options: SignalOptions & { readonly work: WorkSum },
): Promise<void> {
  const measure = async (layer: Layer): Promise<void> => {
    await layer.descriptor(options);
    await layer.diffId(options);
  };
  await Promise.all([...new Set(await layersOf(image, options))].map(measure));
}

async function layersOf(image: Image | Index, options: SignalOptions): Promise<readonly Layer[]> {
  // An opened view names existing content.
  if (image.place !== undefined) return [];
  if (image.kind === 'image') {
    return (await image.layers(options)).filter((layer) => !isStreamLayer(layer));
  }
  const children = await image.children(options);
  return (await Promise.all(children.map((child) => layersOf(child, options)))).flat();
}
