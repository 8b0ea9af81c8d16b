import type { Stats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { InputError, NotFoundError, UnsupportedError } from '../../errors.ts';
import { absentAs, onDisk } from '../../files/files.ts';
import { amount, checkArgument, checkOptions, type Shape, text } from '../../spec/options.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { decodeText } from '../../tar/text.ts';
import { type TarFileWithBody, writeTar } from '../../tar/write.ts';
import { type LayerFile, type LayerFileOptions, layerFileShape, layerOfTar } from './layer-file.ts';

/** Settings of `layerOfFolder`. */
export interface LayerOfFolderOptions extends LayerFileOptions {
  /**
   * The path of the folder's content in the image, such as `/app`.
   * @defaultValue the root
   */
  readonly to?: string | undefined;
  /**
   * The time of every file, in seconds since 1970.
   * @defaultValue 0
   */
  readonly mtime?: number | undefined;
}

const shape: Shape<LayerOfFolderOptions> = { ...layerFileShape, to: text, mtime: amount };

/**
 * Makes a layer of the content of a folder. The same files make the same digest: names are in byte order, root owns
 * everything, and times do not count. Permissions, symbolic links as they are written, and hard links stay. Dispose the
 * layer after its last use.
 * @throws INVALID_OPTION for a file in its place, or a place that is no path in an image
 * @throws NAME_UNKNOWN when there is no such folder
 * @throws UNSUPPORTED for a socket, a pipe or a device in it
 * @throws SIZE_INVALID when a file changes while it is read
 */
export async function layerOfFolder(folder: string, options: LayerOfFolderOptions = {}): Promise<LayerFile> {
  checkArgument('layerOfFolder', 'folder', folder, text);
  checkOptions('layerOfFolder', options, shape);
  const { to = '', mtime, ...rest } = options;
  const found = await onDisk(folder, () => absentAs(undefined, lstat(folder)));
  if (found === undefined) throw new NotFoundError('NAME_UNKNOWN', `there is no folder ${folder}`);
  if (!found.isDirectory()) throw new InputError('INVALID_OPTION', `${folder} is no folder`);
  return layerOfTar(writeTar(folderEntries(folder, { to, mtime, signal: options.signal })), rest);
}

interface FolderOptions extends SignalOptions {
  readonly to: string;
  readonly mtime: number | undefined;
}

/** A file that is still to be written. Paths are bytes, since names need not be UTF-8. */
interface Waiting {
  readonly path: Buffer;
  readonly name: string;
}

async function* folderEntries(
  folder: string,
  { to, mtime, signal }: FolderOptions,
): AsyncIterable<TarFileWithBody> {
  const parts = to.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new InputError('INVALID_OPTION', `"${to}" is no path in an image`);
  for (const [at] of parts.entries())
    yield { name: parts.slice(0, at + 1).join('/'), type: 'directory', mtime };
  /** The first name of each file with several names. */
  const names = new Map<string, string>();
  const waiting = await childrenOf(Buffer.from(folder), parts.length === 0 ? '' : `${parts.join('/')}/`);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal?.throwIfAborted();
    const { path, name } = next;
    const shown = path.toString();
    const found = await onDisk(shown, () => lstat(path));
    const first = found.nlink > 1 && found.isFile() ? names.get(identityOf(found)) : undefined;
    if (first !== undefined) {
      yield { name, type: 'link', linkname: first, mtime };
      continue;
    }
    if (found.nlink > 1 && found.isFile()) names.set(identityOf(found), name);
    yield await entryOf({ path, name }, found, mtime);
    if (found.isDirectory()) waiting.push(...(await childrenOf(path, `${name}/`)));
  }
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** Lists the content of a folder in byte order, the last one first. */
async function childrenOf(folder: Buffer, prefix: string): Promise<Waiting[]> {
  const names = await onDisk(folder.toString(), () => readdir(folder, { encoding: 'buffer' }));
  return names
    .toSorted((one, other) => Buffer.compare(other, one))
    .map((name) => ({
      path: Buffer.concat([folder, Buffer.from('/'), name]),
      name: `${prefix}${decodeText(name)}`,
    }));
}

async function entryOf(
  { path, name }: Waiting,
  found: Stats,
  mtime: number | undefined,
): Promise<TarFileWithBody> {
  const shown = path.toString();
  const mode = found.mode & 0o7777;
  if (found.isDirectory()) return { name, type: 'directory', mode, mtime };
  if (found.isSymbolicLink()) {
    const target = await onDisk(shown, () => readlink(path, { encoding: 'buffer' }));
    return { name, type: 'symlink', linkname: decodeText(target), mode: 0o777, mtime };
  }
  if (found.isFile()) return { name, size: found.size, mode, mtime, body: contentOf(path) };
  throw new UnsupportedError(
    'layer',
    `${shown} is a socket, a pipe or a device, which a layer of a folder cannot hold`,
  );
}

async function* contentOf(path: Buffer): AsyncIterable<Uint8Array> {
  // Bun opens a path in bytes only this way.
  await using file = await open(path);
  for await (const chunk of file.createReadStream({ highWaterMark: 1024 * 1024, autoClose: false }))
    yield chunk;
}
