import { InputError } from '../errors.ts';
import { flatten } from '../image/edit/flatten.ts';
import { baseLayersOf, createBases } from './bases.ts';
import type { Connections } from './connections.ts';
import { changeView, type EditedImage, type EditOptions, editView, type ImageChange } from './edit.ts';
import { createKeptLayers } from './kept-layers.ts';
import { type LayerFile, layerOfTar } from './layers/layer-file.ts';
import { formatPlace, type Place, toPlace } from './place.ts';

/** Settings of `flatten`. At most one of `keep`, `base` and `keepBase` has a value. */
export interface FlattenImagesOptions extends EditOptions {
  /**
   * The number of lowest layers to keep. Only the layers above become one.
   * @defaultValue `0`
   */
  readonly keep?: number | undefined;
  /** Keeps the layers of this base, on which the image has to be built. */
  readonly base?: string | Place | undefined;
  /**
   * Keeps the layers of the base that the annotations `org.opencontainers.image.base.name` and `.digest` name.
   * @defaultValue `false`
   */
  readonly keepBase?: boolean | undefined;
}

/**
 * Merges the layers of an image, or of every image of an index. Layers from a registry and the new ones are kept on disk until
 * the end, because flattening reads them twice.
 */
export async function flattenImages(
  connections: Connections,
  source: string | Place,
  { keep, base, keepBase = false, ...options }: FlattenImagesOptions = {},
): Promise<EditedImage> {
  const origin = toPlace(source);
  const given = base === undefined ? undefined : toPlace(base);
  if ([keep !== undefined, given !== undefined, keepBase].filter(Boolean).length > 1)
    throw new InputError('INVALID_OPTION', 'flatten takes one of "keep", "base" and "keepBase"');
  await using kept = createKeptLayers();
  const made: LayerFile[] = [];
  const layerOf = async (tar: AsyncIterable<Uint8Array>): Promise<LayerFile> => {
    const layer = await layerOfTar(tar, { signal: options.signal });
    made.push(layer);
    return layer;
  };
  await using bases = createBases(connections, options);
  try {
    return await editView(
      connections,
      origin,
      async (view, edited) => {
        const name = formatPlace(origin);
        const { signal } = options;
        const question = { base: given, bases, name, root: edited.root };
        const change: ImageChange = async (image) => {
          const isAsked = given !== undefined || keepBase;
          const count = isAsked ? await baseLayersOf(image, question, { signal }) : (keep ?? 0);
          if (count === undefined) throw noBase(name);
          return flatten(origin.kind === 'registry' ? kept.keep(image) : image, { layerOf, keep: count });
        };
        return changeView(view, change, edited, options);
      },
      options,
    );
  } finally {
    for (const layer of made) await layer[Symbol.asyncDispose]();
  }
}

function noBase(name: string): InputError {
  return new InputError(
    'INVALID_OPTION',
    `${name} has no annotations that name its base and its digest: name the base, or the number of layers to keep`,
  );
}
