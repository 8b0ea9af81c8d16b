import { NotFoundError, UnsupportedError } from '../errors.ts';
import {
  signal as abortSignal,
  checkArgument,
  checkOptions,
  object,
  type Shape,
  text,
} from '../spec/options.ts';
import { aView } from '../store/checks.ts';
import type { FileEntry } from './file-entry.ts';
import { fieldsOf } from './file-listing.ts';
import { createFileSystem } from './filesystem.ts';
import { type Found, findFile } from './find-file.ts';
import type { StoredHeader } from './header-store.ts';
import type { Image } from './image.ts';
import { LayerBodies } from './layer-bodies.ts';
import { type LayerChanges, shown } from './layer-changes.ts';
import { type LayerNames, namesOf } from './layer-names.ts';
import {
  type FileSystemOptions,
  faultIn,
  layersOf,
  type NamedLayer,
  readHeaders,
} from './open-file-system.ts';
import { PathTable } from './path-table.ts';

/** One file of an image. */
export interface ImageFile extends FileEntry {
  /** Reads the content, and its layer to the end, so that the layer's digest is checked. */
  open(): AsyncIterable<Uint8Array>;
}

const shape: Shape<FileSystemOptions> = { signal: abortSignal, unpack: object };

/**
 * Opens one file of an image, following symbolic links within the root of the image. Reads the layers from the top down, and
 * none below the layer that decides; a layer is read once to find the file, and once for its content.
 * @throws FILE_UNKNOWN when the image has no such file
 * @throws UNSUPPORTED when the path is a directory or a device, or a layer is no change of a file system
 * @throws MANIFEST_INVALID when symbolic links form a loop, or a layer is no tar
 * @example
 * ```ts
 * import { createClient, openImageFile } from 'gantry';
 *
 * await using client = createClient();
 * const file = await openImageFile(await client.getImage('ghcr.io/acme/app:1'), 'hello.txt');
 * for await (const chunk of file.open()) process.stdout.write(chunk);
 * ```
 */
export async function openImageFile(
  image: Image,
  path: string,
  options: FileSystemOptions = {},
): Promise<ImageFile> {
  checkArgument('openImageFile', 'image', image, aView);
  checkArgument('openImageFile', 'path', path, text);
  checkOptions('openImageFile', options, shape);
  const layers = await layersOf(image, options);
  const read = createReader(layers, options);
  const seen = await findFile(path, layers.length, read.names);
  const found = seen === 'unsure' ? await findMerged(path, layers, read.changes) : seen;
  if (found === 'missing') throw new NotFoundError('FILE_UNKNOWN', `the image has no file "${shown(path)}"`);
  if (found === 'directory') throw notFile(path, 'a directory');
  const layer = layers[found.layer];
  const header = headerAt(await read.changes(found.layer), found.position);
  if (layer === undefined || header === undefined)
    throw new RangeError(`layer ${found.layer} has no such entry`);
  if (header.type !== 'file') throw notFile(path, `a ${header.type}`);
  return {
    path: found.path,
    ...fieldsOf(header),
    layer: found.layer,
    open: () => contentOf(layer, header, options),
  };
}

function headerAt(changes: LayerChanges, position: number): StoredHeader | undefined {
  let [low, high] = [0, changes.count - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (changes.headerOf(middle).position < position) low = middle + 1;
    else high = middle;
  }
  const header = low > high ? undefined : changes.headerOf(low);
  return header?.position === position ? header : undefined;
}

function notFile(path: string, kind: string): UnsupportedError {
  return new UnsupportedError('files', `"${shown(path)}" is ${kind}, and has no content to read`);
}

interface Reader {
  readonly changes: (layer: number) => Promise<LayerChanges>;
  readonly names: (layer: number) => Promise<LayerNames>;
}

/** Reads the headers of each layer once, when they are first needed. */
function createReader(layers: readonly NamedLayer[], options: FileSystemOptions): Reader {
  const paths = new PathTable();
  const kept = new Map<number, LayerChanges>();
  const arranged = new Map<number, LayerNames>();
  const changes = async (at: number): Promise<LayerChanges> => {
    const layer = layers[at];
    if (layer === undefined) throw new RangeError(`there is no layer ${at}`);
    const read = kept.get(at) ?? (await readHeaders(layer, paths, options));
    kept.set(at, read);
    return read;
  };
  return {
    changes,
    async names(at) {
      const names = arranged.get(at) ?? namesOf(await changes(at));
      arranged.set(at, names);
      return names;
    },
  };
}

/** Finds a path in the merged tree of all layers. */
async function findMerged(
  path: string,
  layers: readonly NamedLayer[],
  changes: Reader['changes'],
): Promise<Found | 'missing' | 'directory'> {
  const fileSystem = createFileSystem((await changes(0)).paths);
  for (const [at, { what }] of layers.entries()) {
    const [fault] = fileSystem.apply(await changes(at));
    if (fault !== undefined) throw faultIn(what, fault);
  }
  const found = fileSystem.locate(path);
  if (found === undefined) return 'missing';
  return found.type === 'directory' ? 'directory' : { ...found, path: fileSystem.resolvePath(path) ?? path };
}

async function* contentOf(
  { layer, what }: NamedLayer,
  header: StoredHeader,
  { signal, unpack }: FileSystemOptions,
): AsyncIterable<Uint8Array> {
  const bodies = new LayerBodies(
    () => layer.uncompressed(unpack).open({ signal }),
    () => what,
  );
  try {
    await bodies.openLayer(0);
    yield* bodies.body(header);
    await bodies.finish();
  } finally {
    await bodies.close();
  }
}
