import { ContentError, InputError } from '../errors.ts';
import { checkArgument, iterable } from '../spec/options.ts';
import { paddingOf, type TarType, typeflags } from './entry.ts';
import { encodeBlock, maxOctalSize } from './header.ts';
import { encodePax } from './pax.ts';

/** The header of an entry to write. Owner and time are always root and 1970, so equal content makes equal bytes. */
export interface TarFile {
  /** A path in the archive, of any length. */
  readonly name: string;
  /** @defaultValue 'file' */
  readonly type?: TarType;
  /**
   * Bytes of the body.
   * @defaultValue 0
   */
  readonly size?: number;
  /**
   * The permission bits.
   * @defaultValue 0o755 for directories, 0o644 for all others
   */
  readonly mode?: number;
  /** The target of a `link` or `symlink`. Required for these and forbidden for all others. */
  readonly linkname?: string;
}

/** An entry to write, with its content. */
export interface TarFileWithBody extends TarFile {
  /** The content, exactly `size` bytes. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The end of a tar: two blocks of zeros. */
export const tarEnd: Uint8Array = new Uint8Array(1024);

/**
 * Encodes the header of an entry, with PAX records ahead of it for values that ustar cannot hold.
 * @throws INVALID_OPTION for an impossible entry
 */
export function tarHeader(file: TarFile): Uint8Array {
  const { type = 'file', size = 0, linkname = '' } = file;
  const name = type === 'directory' && !file.name.endsWith('/') ? `${file.name}/` : file.name;
  check({ name, type, size, linkname });
  const typeflag = typeflags[type];
  const mode = file.mode ?? (type === 'directory' ? 0o755 : 0o644);
  const block = encodeBlock({ name, typeflag, size, mode, mtime: 0, linkname });
  const records: [string, string][] = [];
  if (!fits(name)) records.push(['path', name]);
  if (!fits(linkname)) records.push(['linkpath', linkname]);
  if (size > maxOctalSize) records.push(['size', String(size)]);
  if (records.length === 0) return block;
  const pax = encodePax(records);
  const ahead = {
    name: 'PaxHeader',
    typeflag: 'x',
    size: pax.byteLength,
    mode: 0o644,
    mtime: 0,
    linkname: '',
  };
  return joined([encodeBlock(ahead), pax, tarPadding(pax.byteLength), block]);
}

/** Returns the zeros after a body of `size` bytes. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array(paddingOf(size));
}

/**
 * Writes a whole tar as a stream.
 * @throws INVALID_OPTION for an impossible entry
 * @throws SIZE_INVALID when a body is not as long as its entry says
 */
export function writeTar(
  files: AsyncIterable<TarFileWithBody> | Iterable<TarFileWithBody>,
): AsyncIterable<Uint8Array> {
  checkArgument('writeTar', 'files', files, iterable);
  return written(files);
}

async function* written(
  files: AsyncIterable<TarFileWithBody> | Iterable<TarFileWithBody>,
): AsyncIterable<Uint8Array> {
  for await (const { body, ...file } of files) {
    yield tarHeader(file);
    const { name, size = 0 } = file;
    let length = 0;
    for await (const chunk of body ?? []) {
      length += chunk.byteLength;
      if (length > size) break;
      yield chunk;
    }
    if (length !== size) {
      throw new ContentError('SIZE_INVALID', `${name}: the body is not the ${size} bytes of its entry`, {
        expected: size,
        actual: length,
      });
    }
    yield tarPadding(size);
  }
  yield tarEnd;
}

function check({ name, type, size, linkname }: Required<Omit<TarFile, 'mode'>>): void {
  const isLink = type === 'link' || type === 'symlink';
  let wrong: string | undefined;
  if (name === '' || name.includes('\0') || linkname.includes('\0'))
    wrong = 'the name is empty, or a name has a NUL';
  else if (type === 'file' && name.endsWith('/')) wrong = 'the name of a file ends with a slash';
  else if (isLink !== (linkname !== '')) wrong = 'a link needs a linkname and no other entry may have one';
  else if (!Number.isSafeInteger(size) || size < 0 || (type !== 'file' && size > 0))
    wrong = 'the size is wrong';
  if (wrong !== undefined) throw new InputError('INVALID_OPTION', `tar entry "${name}": ${wrong}`);
}

/** Non-ASCII text goes into a record too: the header block has no character encoding. */
function fits(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant.
  return text.length <= 100 && /^[\u0001-\u007f]*$/.test(text);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
