import { ContentError, InputError } from '../errors.ts';
import { checkArgument, iterable } from '../spec/options.ts';
import { paddingOf, type TarType, typeflags } from './entry.ts';
import { blockSize, type Device, encodeBlock, maxOctal, maxOctalId } from './header.ts';
import { joined } from './joined.ts';
import { formatTime } from './metadata.ts';
import { encodePax, windowsPrefix, xattrPrefix } from './pax.ts';
import { decodeText, encodeText, hasRawBytes } from './text.ts';

/**
 * The header of an entry to write. By default it belongs to root and is from 1970, so equal content makes equal bytes. The
 * body is the whole file: layers should have no sparse files, so gantry writes none.
 */
export interface TarFile {
  /** A path in the archive, of any length. */
  readonly name: string;
  /** @defaultValue 'file' */
  readonly type?: TarType | undefined;
  /**
   * Bytes of the body.
   * @defaultValue 0
   */
  readonly size?: number | undefined;
  /**
   * The permission bits, with those for setuid, setgid and sticky.
   * @defaultValue 0o755 for directories, 0o644 for all others
   */
  readonly mode?: number | undefined;
  /** The target of a `link` or `symlink`. Required for these and forbidden for all others. */
  readonly linkname?: string | undefined;
  /**
   * Whole seconds since 1970; negative for a time before.
   * @defaultValue 0
   */
  readonly mtime?: number | undefined;
  /**
   * The rest of the time, from 0 to 999,999,999.
   * @defaultValue 0
   */
  readonly nanoseconds?: number | undefined;
  /**
   * The id of the owner.
   * @defaultValue 0
   */
  readonly uid?: number | undefined;
  /**
   * The id of the group.
   * @defaultValue 0
   */
  readonly gid?: number | undefined;
  /**
   * The name of the owner.
   * @defaultValue '', so that only the id counts
   */
  readonly uname?: string | undefined;
  /**
   * The name of the group.
   * @defaultValue '', so that only the id counts
   */
  readonly gname?: string | undefined;
  /** The extended attributes by name, such as `security.capability`. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /**
   * The numbers of a `character-device` or `block-device`. Forbidden for all others.
   * @defaultValue 0 and 0
   */
  readonly device?: Device | undefined;
  /** The records of Windows by key, such as `MSWINDOWS.rawsd`. */
  readonly windows?: ReadonlyMap<string, string> | undefined;
}

/** An entry to write, with its content. */
export interface TarFileWithBody extends TarFile {
  /** The content, exactly `size` bytes. */
  readonly body?: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The end of a tar: two blocks of zeros. */
export const tarEnd: Uint8Array = new Uint8Array(1024);

/** The fields of a header that have no default. */
type Rare = 'device' | 'xattrs' | 'windows';

/** A header with all its defaults. */
type WholeHeader = { readonly [K in Exclude<keyof TarFile, Rare>]-?: NonNullable<TarFile[K]> } & Pick<
  TarFile,
  Rare
>;

/**
 * Encodes the header of an entry, with PAX records ahead of it for values that ustar cannot hold.
 * @throws INVALID_OPTION for an impossible entry
 */
export function tarHeader(file: TarFile): Uint8Array {
  return tarHeaderIn(file, new Uint8Array(blockSize));
}

/** As `tarHeader`, in the memory of one block if there are no records. A tar of a million files needs no more then. */
export function tarHeaderIn(file: TarFile, memory: Uint8Array): Uint8Array {
  const { type = 'file', size = 0, linkname = '', device, xattrs, windows } = file;
  const name = type === 'directory' && !file.name.endsWith('/') ? `${file.name}/` : file.name;
  const { mode = type === 'directory' ? 0o755 : 0o644, mtime = 0, nanoseconds = 0 } = file;
  const { uid = 0, gid = 0, uname = '', gname = '' } = file;
  const owned = { uid, gid, uname, gname };
  const whole = { name, type, size, linkname, device, xattrs, windows, mode, mtime, nanoseconds, ...owned };
  check(whole);
  const typeflag = typeflags[type];
  const isDevice = type === 'character-device' || type === 'block-device';
  const numbers = isDevice ? (device ?? { major: 0, minor: 0 }) : undefined;
  const fields = { name, typeflag, size, mode, mtime, linkname, device: numbers, ...owned };
  const block = encodeBlock(fields, memory);
  const records = recordsOf(whole);
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

const none: readonly (readonly [string, string])[] = [];

/** Returns the values that ustar cannot hold, in a fixed order. */
function recordsOf(file: WholeHeader): readonly (readonly [string, string])[] {
  const { name, linkname, size, uid, gid, uname, gname, mtime, nanoseconds, xattrs, windows } = file;
  const hasTime = nanoseconds > 0 || mtime < 0 || mtime > maxOctal;
  const isLarge = size > maxOctal || uid > maxOctalId || gid > maxOctalId;
  const isLong = !fits(name, 100) || !fits(linkname, 100) || !fits(uname, 31) || !fits(gname, 31);
  if (!hasTime && !isLarge && !isLong && xattrs === undefined && windows === undefined) return none;
  const records: [string, string][] = [];
  if (!fits(name, 100)) records.push(['path', name]);
  if (!fits(linkname, 100)) records.push(['linkpath', linkname]);
  if (size > maxOctal) records.push(['size', String(size)]);
  if (uid > maxOctalId) records.push(['uid', String(uid)]);
  if (gid > maxOctalId) records.push(['gid', String(gid)]);
  if (!fits(uname, 31)) records.push(['uname', uname]);
  if (!fits(gname, 31)) records.push(['gname', gname]);
  if (hasTime) records.push(['mtime', formatTime({ mtime, nanoseconds })]);
  const attributes = [...(xattrs ?? [])].map(([key, value]) => [key, decodeText(value)] as const);
  for (const [key, value] of attributes.sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push([`${xattrPrefix}${key}`, value]);
  }
  return [...records, ...[...(windows ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))];
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

function check(file: WholeHeader): void {
  const { name, type, size, linkname, nanoseconds, uname, gname, xattrs, windows } = file;
  const isLink = type === 'link' || type === 'symlink';
  const isDevice = type === 'character-device' || type === 'block-device';
  let wrong: string | undefined;
  if (name === '' || hasNul(name) || hasNul(linkname) || hasNul(uname) || hasNul(gname))
    wrong = 'the name is empty, or a name has a NUL';
  else if (type === 'file' && name.endsWith('/')) wrong = 'the name of a file ends with a slash';
  else if (isLink !== (linkname !== '')) wrong = 'a link needs a linkname and no other entry may have one';
  else if (!isCount(size) || (type !== 'file' && size > 0)) wrong = 'the size is wrong';
  else if (file.device !== undefined && !isDevice) wrong = 'only devices have the numbers of a device';
  else if (!isCount(file.uid) || !isCount(file.gid)) wrong = 'the id of an owner is wrong';
  else if (!isCount(nanoseconds) || nanoseconds > 999_999_999 || !Number.isSafeInteger(file.mtime))
    wrong = 'the time is wrong';
  else if (xattrs !== undefined && [...xattrs.keys()].some((key) => key === '' || /[=\0]/.test(key)))
    wrong = 'an extended attribute has no name, or one with "=" or a NUL';
  else if (
    windows !== undefined &&
    ![...windows].every(([key, value]) => isWindowsKey(key) && !hasNul(value))
  )
    wrong = `the key of a record of Windows begins with ${windowsPrefix}, and no record has a NUL`;
  if (wrong !== undefined) throw new InputError('INVALID_OPTION', `tar entry "${name}": ${wrong}`);
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}

function isWindowsKey(key: string): boolean {
  return key.startsWith(windowsPrefix) && !/[=\0]/.test(key);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * Non-ASCII text goes into a record too: the header block has no character encoding. Bytes that are no text stay in the
 * block as long as they fit, since a record is UTF-8.
 */
function fits(text: string, room: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant.
  if (/^[\u0001-\u007f]*$/.test(text)) return text.length <= room;
  return hasRawBytes(text) && encodeText(text).byteLength <= room;
}
