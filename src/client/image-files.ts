import type { FileEntry } from '../image/file-entry.ts';
import type { Image } from '../image/image.ts';
import { openImageFile } from '../image/open-file.ts';
import { mergeLayers, openFileSystem } from '../image/open-file-system.ts';
import { PathTable } from '../image/path-table.ts';
import { isLayerType } from '../spec/media-type.ts';
import type { Connections } from './connections.ts';
import { createKeptLayers, type KeptLayers } from './kept-layers.ts';
import { openSource } from './open.ts';
import { type Place, toPlace } from './place.ts';
import { type ReadOptions, readImage } from './read.ts';

/** An image opened for reading its files. */
interface OpenedImage extends AsyncDisposable {
  readonly image: Image;
}

/**
 * Opens an image for several readings of its layers. Layers from a registry stay unpacked in the temporary folder
 * meanwhile, so that each is downloaded and unpacked once, at its first reading. `kept` holds them for several images, and
 * the caller disposes it.
 */
export async function openImageSource(
  connections: Connections,
  place: string | Place,
  options: ReadOptions,
  kept?: KeptLayers,
): Promise<OpenedImage> {
  const parsed = toPlace(place);
  const { signal, platform } = options;
  const held: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const one of held.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  };
  try {
    const platforms = platform === undefined ? undefined : [platform];
    const source = await openSource(connections, parsed, { signal, platforms });
    held.push(source.repository);
    const image = await readImage(source, options);
    if (parsed.kind !== 'registry') return { image, [Symbol.asyncDispose]: close };
    const layers = kept ?? createKeptLayers();
    if (layers !== kept) held.push(layers);
    return { image: layers.keep(image), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Yields the files of an image as one tar; for an artifact of one layer that holds no files, its bytes. */
export async function* exportImage(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): AsyncIterable<Uint8Array> {
  await using opened = await openImageSource(connections, place, options);
  const { image } = opened;
  const [first, ...others] = await image.layers(options);
  if (first !== undefined && others.length === 0 && !isLayerType(first.mediaType)) {
    yield* first.uncompressed().open(options);
    return;
  }
  yield* (await openFileSystem(image, { signal: options.signal })).tar({ signal: options.signal });
}

/** Yields the files of an image in the byte order of their paths. */
export async function* listFiles(
  connections: Connections,
  place: string | Place,
  options: ReadOptions = {},
): AsyncIterable<FileEntry> {
  await using opened = await openImageSource(connections, place, options);
  yield* (await mergeLayers(opened.image, new PathTable(), { signal: options.signal })).fileSystem.sorted();
}

/** Yields the content of one file. Reads no layer below the one that decides. */
export async function* readFile(
  connections: Connections,
  place: string | Place,
  path: string,
  options: ReadOptions = {},
): AsyncIterable<Uint8Array> {
  await using opened = await openImageSource(connections, place, options);
  yield* (await openImageFile(opened.image, path, { signal: options.signal })).open();
}
