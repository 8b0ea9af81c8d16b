import { InputError } from '../errors.ts';
import { baseAnnotations } from '../image/base-annotations.ts';
import { createImage } from '../image/create.ts';
import type { Image } from '../image/image.ts';
import type { Layer } from '../image/layer.ts';
import type { HistoryEntry } from '../spec/image-config.ts';
import { isConfigType } from '../spec/media-type.ts';
import { defaultPlatform, type Platform, toPlatform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import { baseName } from './base-name.ts';
import type { Connections } from './connections.ts';
import {
  changeView,
  type EditedImage,
  type EditOptions,
  editView,
  type ImageChange,
  writeNew,
} from './edit.ts';
import type { LayerFile, LayerFileOptions } from './layers/layer-file.ts';
import type { LayerOfFolderOptions } from './layers/layer-of-folder.ts';
import { type LayerSource, openLayers } from './layers/open-layers.ts';
import { type Place, toPlace } from './place.ts';

/** Settings of `append`. */
export interface AppendLayersOptions
  extends EditOptions,
    Pick<LayerOfFolderOptions, 'compression' | 'level' | 'mtime'> {
  /**
   * The image to add the layers to.
   * @defaultValue an empty OCI image, which then needs `to`
   */
  readonly base?: string | Place | undefined;
  /**
   * With a base that is an index: changes only the images for these platforms. Without a base: the one platform of the new
   * image, by default linux/amd64.
   * @defaultValue all
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /** Members of the entry in the history for each layer. By default it names the layer's source and the year 1970. */
  readonly history?: HistoryEntry | undefined;
  /**
   * Sets the annotations `org.opencontainers.image.base.name` and `.digest`, on each image and on its index.
   * @defaultValue `false`
   */
  readonly baseAnnotations?: boolean | undefined;
  /** A further change of each image, after the layers. */
  readonly change?: ImageChange | undefined;
}

/** Adds layers to an image, to every image of an index, or to a new image. */
export async function appendLayers(
  connections: Connections,
  sources: readonly LayerSource[],
  {
    base,
    history,
    baseAnnotations: isAnnotated = false,
    change = same,
    compression,
    level,
    mtime,
    ...options
  }: AppendLayersOptions,
): Promise<EditedImage> {
  if (sources.length === 0) throw new InputError('INVALID_OPTION', 'append: there is no layer to add');
  if (base === undefined && options.to === undefined)
    throw new InputError('INVALID_OPTION', 'append: without a base, say where the new image goes');
  if (base === undefined && isAnnotated)
    throw new InputError('INVALID_OPTION', 'append: there is no base, so there are no annotations about it');
  await using opened = await openLayers(connections, sources, {
    compression,
    level,
    mtime,
    signal: options.signal,
  });
  const entries = opened.names.map((name) => ({
    created: '1970-01-01T00:00:00Z',
    created_by: name === undefined ? 'gantry append' : `gantry append ${name}`,
    ...history,
  }));
  const settings = { compression, level, signal: options.signal };
  await using windows = windowsLayers(opened.layers, settings);
  const add: ImageChange = async (image) => {
    const layers = (await isForWindows(image, settings)) ? await windows.layers() : opened.layers;
    return change(image.withLayers(layers, { history: entries }));
  };
  if (base === undefined) return await writeNew(connections, await add(emptyImage(options)), options);
  const origin = toPlace(base);
  return await editView(
    connections,
    origin,
    async (view, source) => {
      if (!isAnnotated) return changeView(view, add, source, options);
      const name = baseName(origin);
      const { digest } = source.root.descriptor;
      const about = async (image: Image): Promise<Image> =>
        (await add(image)).withAnnotations(
          baseAnnotations(name, (await image.manifest({ signal: options.signal })).descriptor.digest),
        );
      const indexAnnotations = { ...options.indexAnnotations, ...baseAnnotations(name, digest) };
      return changeView(view, about, source, { ...options, indexAnnotations });
    },
    options,
  );
}

const same: ImageChange = (image) => image;

async function isForWindows(image: Image, options: SignalOptions): Promise<boolean> {
  const { body } = await image.manifest(options);
  return isConfigType(body.config.mediaType) && (await image.config(options)).os === 'windows';
}

/** Layers in their form for Windows. */
interface WindowsLayers extends AsyncDisposable {
  layers(): Promise<readonly Layer[]>;
}

/** Makes each layer once, when an image for Windows needs it. */
function windowsLayers(layers: readonly Layer[], options: LayerFileOptions): WindowsLayers {
  const made = new Map<Layer, LayerFile>();
  return {
    async layers() {
      const { windowsLayer } = await import('./layers/windows-layer.ts');
      for (const layer of layers) {
        if (!made.has(layer)) made.set(layer, await windowsLayer(layer, options));
      }
      return layers.map((layer) => made.get(layer) ?? layer);
    },
    async [Symbol.asyncDispose]() {
      for (const layer of made.values()) await layer[Symbol.asyncDispose]();
    },
  };
}

function emptyImage({ platforms = [] }: EditOptions): Image {
  const [platform = defaultPlatform, other] = platforms;
  if (other !== undefined) throw new InputError('INVALID_OPTION', 'append: a new image has one platform');
  return createImage({ config: toPlatform(platform), layers: [] });
}
