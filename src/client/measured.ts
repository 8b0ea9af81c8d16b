import type { WorkSum } from '../flow/work.ts';
import type { Image } from '../image/image.ts';
import { type Index, madeChildren } from '../image/image-index.ts';
import { isStreamLayer } from '../image/stream-layer.ts';
import type { SignalOptions } from '../store/contract.ts';

/** Computes the digests for the config and manifest of a view that the program made, and reports the progress. */
export async function measureLayers(
  view: Image | Index,
  options: SignalOptions & { readonly work: WorkSum },
): Promise<void> {
  // An opened view names existing content.
  if (view.place !== undefined) return;
  if (view.kind === 'index') {
    const children = await madeChildren(view, options);
    await Promise.all(children.map((child) => measureLayers(child, options)));
    return;
  }
  const layers = (await view.layers(options)).filter((layer) => !isStreamLayer(layer));
  // All begin at once, so that the progress has its whole from the beginning.
  await Promise.all([...new Set(layers)].map((layer) => layer.descriptor(options)));
  await view.manifest(options);
}
