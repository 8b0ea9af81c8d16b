import { lookAt } from '../../files/files.ts';
import type { Layer } from '../../image/layer.ts';
import type { Connections } from '../connections.ts';
import { isStandard, standardInput } from '../standard.ts';
import { type LayerFile, layerOfTar } from './layer-file.ts';
import { type LayerOfFolderOptions, layerOfFolder } from './layer-of-folder.ts';

/** A layer, or the path of one: a tar, compressed or not, or a folder; `-` is the standard input. */
export type LayerSource = string | Layer;

/** Layers that are open until they are disposed, with the paths that they come from. */
export interface OpenedLayers extends AsyncDisposable {
  readonly layers: readonly Layer[];
  readonly names: readonly (string | undefined)[];
}

/** Opens each source once, also if it is named several times. */
export async function openLayers(
  connections: Pick<Connections, 'standard'>,
  sources: readonly LayerSource[],
  options: LayerOfFolderOptions,
): Promise<OpenedLayers> {
  const files = new Map<string, LayerFile>();
  const dispose = async (): Promise<void> => {
    for (const file of files.values()) await file[Symbol.asyncDispose]();
  };
  const opened = async (source: LayerSource): Promise<Layer> => {
    if (typeof source !== 'string') return source;
    const layer = files.get(source) ?? (await openPath(connections, source, options));
    files.set(source, layer);
    return layer;
  };
  const layers: Layer[] = [];
  try {
    for (const source of sources) layers.push(await opened(source));
  } catch (error) {
    await dispose();
    throw error;
  }
  const names = sources.map((source) => (typeof source === 'string' ? source : undefined));
  return { layers, names, [Symbol.asyncDispose]: dispose };
}

async function openPath(
  connections: Pick<Connections, 'standard'>,
  path: string,
  options: LayerOfFolderOptions,
): Promise<LayerFile> {
  const { mtime: _, ...ofTar } = options;
  if (isStandard(path)) return layerOfTar(await standardInput(connections), ofTar);
  const isFolder = (await lookAt(path))?.isDirectory() === true;
  return isFolder ? layerOfFolder(path, options) : layerOfTar(path, ofTar);
}
