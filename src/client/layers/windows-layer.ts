import { ContentError } from '../../errors.ts';
import type { Layer } from '../../image/layer.ts';
import { readWholeTar } from '../../image/whole-tar.ts';
import { toBase64 } from '../../spec/base64url.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { TarPart } from '../../tar/read.ts';
import { type TarFileWithBody, writeTar } from '../../tar/write.ts';
import { type LayerFile, type LayerFileOptions, layerOfTar } from './layer-file.ts';

/** The directory of the files in a layer for Windows, and that of its registry. */
const [files, hives] = ['Files', 'Hives'] as const;

/**
 * Makes a layer for Windows of a layer with plain paths: below `Files`, with the empty `Hives`, and with a security
 * descriptor for each entry, without which Windows refuses to unpack it. A layer that begins in these directories is made for
 * Windows already, and stays as it is.
 * @throws MANIFEST_INVALID for a layer with plain paths and paths below `Files`
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md
 */
export async function windowsLayer(layer: Layer, options: LayerFileOptions): Promise<LayerFile> {
  if (await isForWindows(layer, options)) return { ...layer, [Symbol.asyncDispose]: stays };
  return layerOfTar(writeTar(entries(layer, options)), options);
}

/** Disposes nothing, since the file belongs to another layer. */
async function stays(): Promise<void> {}

async function isForWindows(layer: Layer, { signal }: SignalOptions): Promise<boolean> {
  const tar = readWholeTar(layer.uncompressed().open({ signal }), { signal });
  for await (const { name } of tar) return isBelow(name, files) || isBelow(name, hives);
  return false;
}

function isBelow(name: string, directory: string): boolean {
  const path = name.replace(/^(?:\.?\/)+/, '');
  return path === directory || path.startsWith(`${directory}/`);
}

async function* entries(layer: Layer, { signal }: SignalOptions): AsyncIterable<TarFileWithBody> {
  const windows = new Map([['MSWINDOWS.rawsd', toBase64(usersDescriptor())]]);
  for (const name of [files, hives]) yield { name, type: 'directory', mode: 0o555, windows };
  const tar = layer.uncompressed().open({ signal });
  for await (const part of readWholeTar(tar, { signal })) yield { ...below(part), windows };
}

/** Moves an entry below `Files`. */
function below({ name, linkname, ...part }: TarPart): TarFileWithBody {
  if (isBelow(name, files) || isBelow(name, hives)) {
    throw new ContentError(
      'MANIFEST_INVALID',
      `the layer has "${name}", as layers for Windows do, and also plain paths: give it one of the two forms`,
    );
  }
  const moved = { ...part, name: `${files}/${name.replace(/^(?:\.?\/)+/, '')}` };
  if (linkname === undefined) return moved;
  return { ...moved, linkname: part.type === 'link' ? `${files}/${linkname.replace(/^\/+/, '')}` : linkname };
}

/**
 * Returns the security descriptor of a file that belongs to the users of the machine (S-1-5-32-545) and has no list of
 * rights.
 * @see https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp/7d4dac05-9cef-4563-a058-f108abecce1d
 */
function usersDescriptor(): Uint8Array {
  const users = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x21, 2, 0, 0];
  // The version, a descriptor in one piece (0x8000), and the positions of owner and group, of no audit and of no rights.
  const head = [1, 0, 0, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  return Uint8Array.from([...head, ...users, ...users]);
}
