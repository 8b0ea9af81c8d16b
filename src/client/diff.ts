import { diffImages, type ImageDiff } from '../image/diff-images.ts';
import type { Connections } from './connections.ts';
import { openImageSource } from './image-files.ts';
import { createKeptLayers } from './kept-layers.ts';
import type { Place } from './place.ts';
import type { ReadOptions } from './read.ts';

/** Compares two images. Layers that both have are downloaded once. */
export async function diffPlaces(
  connections: Connections,
  before: string | Place,
  after: string | Place,
  options: ReadOptions = {},
): Promise<ImageDiff> {
  const { signal } = options;
  signal?.throwIfAborted();
  await using kept = createKeptLayers();
  await using old = await openImageSource(connections, before, options, kept);
  await using young = await openImageSource(connections, after, options, kept);
  return await diffImages(old.image, young.image, { signal });
}
