import { ContentError, UnsupportedError } from '../errors.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import { createPool } from '../flow/pool.ts';
import { isLayerType } from '../spec/media-type.ts';
import { signal as abortSignal, checkArgument, checkOptions, object, type Shape } from '../spec/options.ts';
import { aView } from '../store/checks.ts';
import type { SignalOptions } from '../store/contract.ts';
import { scanTar } from '../tar/scan.ts';
import type { FileWithContent, ReadFilesOptions } from './file-entry.ts';
import { createFileSystem, type FileLookup, type FileSystem } from './filesystem.ts';
import type { Image, ImageContent } from './image.ts';
import type { Layer } from './layer.ts';
import { layerBetween } from './layer-between.ts';
import type { OpenLayer } from './layer-bodies.ts';
import { createLayerReader, type LayerChanges } from './layer-changes.ts';
import { tarOfListing } from './listing-tar.ts';
import { PathTable } from './path-table.ts';

/** Settings of `openFileSystem`. */
export interface FileSystemOptions extends SignalOptions {
  /** The limits of unpacking a layer. Beyond them the reading throws TOO_LARGE. */
  readonly unpack?: UnpackLimits | undefined;
}

/** The merged file system of an image: all layers applied, with whiteouts, opaque directories and links resolved. */
export interface ImageFileSystem extends FileLookup {
  /**
   * Yields the entries with their content, in the order of `entries`. Opens each needed layer once more, and reads it to
   * its end, so that its digest is checked.
   */
  files(options?: ReadFilesOptions): AsyncIterable<FileWithContent>;
  /**
   * Returns the files as one tar: parents before their content, hard links after their file, and the same bytes for the
   * same layers. Keeps mode, owner, time, devices and extended attributes.
   */
  tar(options?: SignalOptions): AsyncIterable<Uint8Array>;
}

/** Layers with headers that are read at once. A layer is decompressed beside the reading of another. */
const atOnce = 2;

const shape: Shape<FileSystemOptions> = { signal: abortSignal, unpack: object };

/**
 * Opens the merged file system of an image. Reads every layer once for its headers, and keeps only these in memory; reading
 * files reads their layers once more. From a registry both readings download the layer: copy the image to a layout first,
 * or use the verbs of a client, which keep the layers on disk meanwhile.
 * @throws MANIFEST_INVALID when a layer is no tar, or has an entry that cannot be applied
 * @throws UNSUPPORTED when a layer is no change of a file system
 * @throws TOO_LARGE above a million files, or beyond the limits of unpacking
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#applying-changesets
 * @example
 * ```ts
 * import { createClient, openFileSystem } from 'gantry';
 *
 * await using client = createClient();
 * const files = await openFileSystem(await client.getImage('ghcr.io/acme/app:1'));
 * for (const { path, type, size } of files.entries()) console.log(type, size, path);
 * ```
 */
export async function openFileSystem(
  image: Image,
  options: FileSystemOptions = {},
): Promise<ImageFileSystem> {
  checkArgument('openFileSystem', 'image', image, aView);
  checkOptions('openFileSystem', options, shape);
  const { fileSystem, layers } = await mergeLayers(image, new PathTable(), options);
  return viewOf(fileSystem, layers, options);
}

/** The merged layers of an image. */
export interface MergedImage {
  readonly fileSystem: FileSystem;
  readonly layers: readonly NamedLayer[];
}

/** Reads and merges the layers of an image. Trees with one table of paths can be compared. */
export async function mergeLayers(
  image: ImageContent,
  paths: PathTable,
  options: FileSystemOptions,
): Promise<MergedImage> {
  const layers = await layersOf(image, options);
  const fileSystem = createFileSystem(paths);
  await applyLayers(layers, paths, options, (changes) => fileSystem.apply(changes));
  return { fileSystem, layers };
}

/**
 * Returns the tar of one layer that has the effect of all layers above the lowest ones. Reads each layer for its headers, and
 * once more the layers that its files come from.
 */
export async function openUpperLayer(
  image: ImageContent,
  lowest: number,
  options: FileSystemOptions = {},
): Promise<AsyncIterable<Uint8Array>> {
  const layers = await layersOf(image, options);
  const paths = new PathTable();
  const [base, whole] = [createFileSystem(paths), createFileSystem(paths)];
  await applyLayers(layers, paths, options, (changes, at) => {
    if (at < lowest) base.apply(changes);
    return whole.apply(changes);
  });
  const listing = layerBetween(base.tree, whole.tree);
  return tarOfListing({ tree: whole.tree, listing }, opener(layers, options), options);
}

/** Reads the headers of the layers, some at once, and applies them in order. `apply` returns sentences about faults. */
async function applyLayers(
  layers: readonly NamedLayer[],
  paths: PathTable,
  options: FileSystemOptions,
  apply: (changes: LayerChanges, at: number) => readonly string[],
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const pool = createPool(atOnce);
  const readings = layers.map((layer) =>
    pool.run(() => readHeaders(layer, paths, { ...options, signal }), { signal }),
  );
  try {
    for (const [at, { what }] of layers.entries()) {
      const changes = await readings[at];
      const [fault] = changes === undefined ? [] : apply(changes, at);
      if (fault !== undefined) throw faultIn(what, fault);
    }
  } finally {
    stop.abort();
    await Promise.allSettled(readings);
  }
}

/** A layer with its name in errors. */
export interface NamedLayer {
  readonly layer: Layer;
  readonly what: string;
}

/**
 * Returns the layers of an image from the bottom.
 * @throws UNSUPPORTED when one is no change of a file system
 */
export async function layersOf(
  image: ImageContent,
  { signal }: SignalOptions,
): Promise<readonly NamedLayer[]> {
  const { descriptor, body } = await image.manifest({ signal });
  const layers = await image.layers({ signal });
  return layers.map((layer, at) => {
    if (!isLayerType(layer.mediaType)) {
      const what = `layer ${at + 1} of ${descriptor.digest}`;
      throw new UnsupportedError('files', `${what} holds no files: its type is ${layer.mediaType}`);
    }
    return { layer, what: `layer ${body.layers[at]?.digest ?? at + 1}` };
  });
}

/** Reads the headers of a layer, and all of its bytes, so that its digest is checked. Enters its paths into the table. */
export async function readHeaders(
  { layer, what }: NamedLayer,
  paths: PathTable,
  { signal, unpack }: FileSystemOptions,
): Promise<LayerChanges> {
  const reader = createLayerReader(what, paths);
  const tar = layer.uncompressed(unpack).open({ signal });
  const scan = scanTar(what, (entry) => reader.add(entry));
  for await (const chunk of tar) {
    signal?.throwIfAborted();
    scan.push(chunk);
  }
  scan.end();
  return reader.changes();
}

/** Makes the error of an entry that cannot be applied. */
export function faultIn(what: string, fault: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${what} ${fault}`);
}

function viewOf(
  fileSystem: FileSystem,
  layers: readonly NamedLayer[],
  { unpack }: FileSystemOptions,
): ImageFileSystem {
  const files = ({ wants, signal }: ReadFilesOptions = {}): AsyncIterable<FileWithContent> =>
    fileSystem.files(opener(layers, { unpack, signal }), { wants, signal });
  return {
    entries: () => fileSystem.entries(),
    find: (path) => fileSystem.find(path),
    resolvePath: (path) => fileSystem.resolvePath(path),
    locate: (path) => fileSystem.locate(path),
    files,
    tar: ({ signal } = {}) => fileSystem.tar(opener(layers, { unpack, signal }), { signal }),
  };
}

/** Returns a function that opens the tar of a layer. */
export function opener(layers: readonly NamedLayer[], { unpack, signal }: FileSystemOptions): OpenLayer {
  return (at) => {
    const layer = layers[at]?.layer;
    if (layer === undefined) throw new RangeError(`there is no layer ${at}`);
    return layer.uncompressed(unpack).open({ signal });
  };
}
