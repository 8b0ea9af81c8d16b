import { isGantryError, UnsupportedError } from '../../errors.ts';
import { collect } from '../../flow/collect.ts';
import { gzipped } from '../../flow/compression.ts';
import { bytesContent } from '../../flow/content.ts';
import { digestOf } from '../../flow/hash.ts';
import type { HistoryEntry } from '../../spec/image-config.ts';
import {
  bytes,
  callback,
  checkArgument,
  checkOptions,
  either,
  object,
  type Shape,
  text,
} from '../../spec/options.ts';
import { aView } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { type TarFileWithBody, writeTar } from '../../tar/write.ts';
import type { Image } from '../image.ts';
import { createLayer, type Layer } from '../layer.ts';
import { shown } from '../layer-changes.ts';
import { type ImageFile, openImageFile } from '../open-file.ts';
import { openFileSystem } from '../open-file-system.ts';
import { changed } from './changeable.ts';
import { addedSteps, epoch, layersFor, stepsOf, withSteps } from './steps.ts';

/**
 * The new content of a file, or a function that makes it of the old content, which is undefined for a new file. It returns undefined
 * to leave the image as it is.
 */
export type FileEdit =
  | Uint8Array
  | ((before: Uint8Array | undefined) => Uint8Array | undefined | Promise<Uint8Array | undefined>);

/** Settings of `editFile`. */
export interface EditFileOptions {
  /**
   * Members of the entry in the history.
   * @defaultValue names the file and the year 1970
   */
  readonly history?: HistoryEntry | undefined;
}

const anEdit = either('bytes or a function', bytes, callback);
const shape: Shape<EditFileOptions> = { history: object };

/** In bytes. A file is edited in memory. */
export const maxFile: number = 64 * 2 ** 20;
const maxLayer = 2 * maxFile;

/**
 * Replaces a file of an image, or adds one, in a new layer on top. An existing file keeps its mode, owner, time and attributes; a
 * new one belongs to root. Symbolic links are followed. The same content leaves the image as it is.
 *
 * Reading the view throws UNSUPPORTED for a directory, a device or a path below a file, and TOO_LARGE for a file above 64 MiB.
 * @throws INVALID_OPTION for a wrong argument
 * @example
 * ```ts
 * import { createClient, editFile } from 'gantry';
 *
 * await using client = createClient();
 * const text = new TextEncoder().encode('welcome\n');
 * await client.edit('ghcr.io/acme/app:1', (image) => editFile(image, '/etc/motd', text));
 * ```
 */
export function editFile(image: Image, path: string, edit: FileEdit, options: EditFileOptions = {}): Image {
  checkArgument('editFile', 'image', image, aView);
  checkArgument('editFile', 'path', path, text);
  checkArgument('editFile', 'edit', edit, anEdit);
  checkOptions('editFile', options, shape);
  let known: { readonly layer: Layer | undefined } | undefined;
  const layer = async (read?: SignalOptions): Promise<Layer | undefined> => {
    known ??= { layer: await layerOf(image, path, edit, read) };
    return known.layer;
  };
  const entry = { created: epoch, created_by: `gantry edit ${shown(path)}`, ...options.history };
  return changed(image, {
    async documents(documents, read) {
      const made = await layer(read);
      if (made === undefined) return documents;
      const layers = layersFor(documents.manifest, [made]);
      const added = await addedSteps(layers, { history: [entry] }, read);
      return withSteps(documents, [...stepsOf(documents), ...added]);
    },
    async layers(read) {
      const made = await layer(read);
      const added = made === undefined ? [] : layersFor(await image.manifest(read), [made]);
      return [...(await image.layers(read)), ...added];
    },
  });
}

/** Returns the layer with the edited file; undefined if its content stays. */
async function layerOf(
  image: Image,
  path: string,
  edit: FileEdit,
  read: SignalOptions | undefined,
): Promise<Layer | undefined> {
  const file = await findOld(image, path, read);
  const before = file === undefined ? undefined : await contentOf(file, path);
  const after = typeof edit === 'function' ? await edit(before) : edit;
  if (after === undefined || (before !== undefined && isSame(before, after))) return undefined;
  const what = `the layer with "${shown(path)}"`;
  const tar = await collect(writeTar([await entryOf(image, path, file, after, read)]), {
    limit: maxLayer,
    what,
  });
  const stored = await collect(gzipped(bytesContent(tar).open()), { limit: maxLayer, what });
  return createLayer(bytesContent(stored), { diffId: digestOf(tar) });
}

/** Returns the entry of the new layer, with the header of the old file. */
async function entryOf(
  image: Image,
  path: string,
  file: ImageFile | undefined,
  content: Uint8Array,
  read: SignalOptions | undefined,
): Promise<TarFileWithBody> {
  const own = { size: content.byteLength, body: [content] };
  if (file === undefined) return { name: await newPath(image, path, read), ...own };
  const { path: name, mode, mtime, nanoseconds, uid, gid, uname, gname, xattrs } = file;
  return { name, mode, mtime, nanoseconds, uid, gid, uname, gname, xattrs, ...own };
}

async function findOld(
  image: Image,
  path: string,
  read: SignalOptions | undefined,
): Promise<ImageFile | undefined> {
  try {
    return await openImageFile(image, path, read);
  } catch (error) {
    if (isGantryError(error, 'FILE_UNKNOWN')) return undefined;
    throw error;
  }
}

function contentOf(file: ImageFile, path: string): Promise<Uint8Array> {
  return collect(file.open(), { limit: maxFile, what: `file ${shown(path)}` });
}

/** Returns the path of a new file, with the symbolic links of its directory resolved. */
async function newPath(image: Image, path: string, read: SignalOptions | undefined): Promise<string> {
  const files = await openFileSystem(image, read);
  const found = files.resolvePath(path);
  if (found !== undefined) return found;
  throw new UnsupportedError('files', `"${shown(path)}" is no path of a file in the image`);
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && one.every((byte, at) => byte === other[at]);
}
