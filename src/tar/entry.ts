import { ContentError, UnsupportedError } from '../errors.ts';
import type { Cursor, HeadReading } from './cursor.ts';
import { blockSize, type Device, decodeBlock, isZero, type TarBlock } from './header.ts';
import { metadataOf, numberOf, type TarMetadata } from './metadata.ts';
import { decodePax } from './pax.ts';
import { checkMap, type MapReading, readGnuMap, readPaxMap, type SparseMap } from './sparse.ts';
import { decodeText } from './text.ts';

/** The kind of a tar entry. */
export type TarType =
  | 'file'
  | 'link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo';

/**
 * An entry of a tar. Its name is as written in the archive: call `safeName` before using it as a path. Texts may stand for
 * any bytes: see `decodeText`.
 */
export interface TarEntry extends TarMetadata {
  /** As written in the archive, long names and PAX records applied. */
  readonly name: string;
  /** Decided by the type flag; a name with a final slash also makes a directory. */
  readonly type: TarType;
  /** Bytes of the body, including holes; 0 for every type but `file`. */
  readonly size: number;
  /** Bytes of the body in the tar: fewer than `size` when the file has holes. */
  readonly stored: number;
  /** For a file with holes: the pieces in the tar. */
  readonly sparse?: SparseMap;
  /** The numbers of a `character-device` or `block-device`. */
  readonly device?: Device | undefined;
  /** For links: a name in the tar for `link`, a path in the file system for `symlink`. */
  readonly linkname?: string;
  /** The position of the body in the tar. */
  readonly offset: number;
}

export const typeflags: Readonly<Record<TarType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};

/** In bytes. Names have at most a few KiB and other records are skipped, so more than this is an attack on memory. */
const maxRecords = 1024 * 1024;

/**
 * Reads the next entry, applies its long names and PAX records, and leaves the cursor at its body. Returns undefined at
 * the end.
 */
export async function nextEntry(cursor: Cursor, what: string): Promise<TarEntry | undefined> {
  const reading = readHead(what, cursor.offset);
  let step = reading.next();
  while (step.done !== true) step = reading.next(await cursor.take(step.value));
  return step.value;
}

/** Reads an entry as `nextEntry` does. The reading begins at the position `begin` of the tar. */
export function* readHead(what: string, begin: number): HeadReading<TarEntry | undefined> {
  let records: ReadonlyMap<string, string> = new Map();
  let held = 0;
  let offset = begin;
  for (;;) {
    const where = `${what} at byte ${offset}`;
    const bytes = yield blockSize;
    offset += bytes.byteLength;
    if (bytes.byteLength === 0 && records.size === 0) return undefined;
    if (bytes.byteLength < blockSize) throw offset < blockSize ? noTar(what) : cutOff(what, offset);
    if (isZero(bytes)) return undefined;
    const block = decodeBlock(bytes, where);
    // Counts all records before one entry, since they are kept until it comes.
    if ('xgLK'.includes(block.typeflag)) held += block.size;
    if (held > maxRecords) throw tooManyRecords(what, held);
    if (!'xgLK'.includes(block.typeflag)) {
      return yield* entryOf({ block, header: bytes, records, where }, offset);
    }
    const { size } = block;
    const body = yield size;
    offset += body.byteLength;
    if (body.byteLength < size) throw cutOff(what, offset);
    // Read before the next step, which may fill the same memory.
    records = new Map([...records, ...recordsIn(block, body, where)]);
    offset += (yield paddingOf(size)).byteLength;
    if (offset % blockSize !== begin % blockSize) throw cutOff(what, offset);
  }
}

/** Returns the records about the next entry in the body of a header. */
function recordsIn(
  { typeflag }: TarBlock,
  bytes: Uint8Array,
  where: string,
): Iterable<readonly [string, string]> {
  switch (typeflag) {
    case 'L':
      return [['path', cString(bytes)]];
    case 'K':
      return [['linkpath', cString(bytes)]];
    default: {
      const records = decodePax(bytes, where);
      if (typeflag === 'x') return records;
      refuseNames(records, where);
      return [];
    }
  }
}

function tooManyRecords(what: string, actual: number): ContentError {
  return new ContentError('TOO_LARGE', `${what}: header records of ${actual} bytes before one entry`, {
    expected: maxRecords,
    actual,
  });
}

function noTar(what: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${what} is not a tar archive`);
}

/** Makes the error SIZE_INVALID: the tar ends too early. */
export function cutOff(what: string, actual: number): ContentError {
  return new ContentError('SIZE_INVALID', `${what} is cut off after ${actual} bytes`, { actual });
}

export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

interface Read {
  readonly block: TarBlock;
  readonly header: Uint8Array;
  readonly records: ReadonlyMap<string, string>;
  readonly where: string;
}

function* entryOf(read: Read, begin: number): HeadReading<TarEntry> {
  const { block, records, where } = read;
  const name = records.get('GNU.sparse.name') || records.get('path') || block.name;
  const type = typeOf(block.typeflag, name, where);
  const linkname = records.get('linkpath') || block.linkname;
  // Like Go and GNU tar: a type without a body has none, even if its size field is not 0.
  const stored = type === 'file' ? (numberOf(records, 'size', where) ?? block.size) : 0;
  const { map: sparse, read: taken } = type === 'file' ? yield* mapOf(read) : noMap;
  // The newest sparse format stores the map in the body; the others store it before the body.
  const left = stored - (block.typeflag === 'S' ? 0 : taken);
  if (sparse !== undefined) checkMap(sparse, left, where);
  return {
    device: type === 'character-device' || type === 'block-device' ? block.device : undefined,
    ...metadataOf(block, records, where),
    name,
    type,
    size: sparse?.size ?? stored,
    stored: left,
    ...(sparse === undefined ? {} : { sparse }),
    ...(type === 'link' || type === 'symlink' ? { linkname } : {}),
    offset: begin + taken,
  };
}

const noMap: MapReading = { map: undefined, read: 0 };

function* mapOf({ block, header, records, where }: Read): HeadReading<MapReading> {
  if (block.typeflag === 'S') return yield* readGnuMap(header, where);
  return records.size === 0 ? noMap : yield* readPaxMap(records, where);
}

function typeOf(typeflag: string, name: string, where: string): TarType {
  switch (typeflag) {
    case '1':
      return 'link';
    case '2':
      return 'symlink';
    case '3':
      return 'character-device';
    case '4':
      return 'block-device';
    case '5':
      return 'directory';
    case '6':
      return 'fifo';
    case 'M':
      throw new UnsupportedError(
        'tar',
        `${where}: the file began in another volume of the archive, and gantry reads only single archives`,
      );
    default:
      // Older formats have no type for directories and mark them by a final slash.
      return name.endsWith('/') ? 'directory' : 'file';
  }
}

/** Global records carry comments. Each tar program reads one that renames or resizes all later entries differently. */
function refuseNames(records: ReadonlyMap<string, string>, where: string): void {
  const key = ['path', 'linkpath', 'size'].find((name) => records.has(name));
  if (key === undefined) return;
  throw new ContentError('MANIFEST_INVALID', `${where}: a global PAX record sets "${key}"`);
}

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(end === -1 ? bytes : bytes.subarray(0, end));
}
