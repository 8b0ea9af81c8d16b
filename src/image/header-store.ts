import type { TarEntry, TarType } from '../tar/entry.ts';
import type { Piece } from '../tar/sparse.ts';
import { decodeText, encodeText } from '../tar/text.ts';
import { ByteReader, ByteWriter } from './byte-values.ts';
import { Bytes } from './bytes.ts';
import { Column } from './columns.ts';
import { createOwners, type Owners } from './owner-names.ts';

/** The part of an entry that stays in memory, with the place of its body. */
export interface StoredHeader extends Omit<TarEntry, 'name'> {
  /** The position among all entries of the tar, from 0. */
  readonly position: number;
}

/** Headers as bytes, since an object for each takes ten times the memory. */
export interface HeaderStore {
  readonly size: number;
  /** Keeps the header of an entry, which gets the next number, from 0. */
  add(entry: TarEntry, position: number): void;
  get(at: number): StoredHeader;
  typeOf(at: number): TarType;
}

const types: readonly TarType[] = [
  'file',
  'link',
  'symlink',
  'character-device',
  'block-device',
  'directory',
  'fifo',
];

/** Bits of the first byte, above the type. Each says that a rare part follows the others. */
const hasTime = 8;
const hasTarget = 16;
const hasDevice = 32;
const hasAttributes = 64;
const hasHoles = 128;

export function createHeaderStore(): HeaderStore {
  const places = new Column();
  const bytes = new Bytes();
  const owners = createOwners();
  const writer = new ByteWriter();
  let size = 0;
  return {
    get size() {
      return size;
    },
    add(entry, position) {
      writer.reset();
      write(writer, entry, position, owners);
      places.set(size++, bytes.add(writer.written()));
    },
    get: (at) => read(new ByteReader(bytes, places.get(at)), owners),
    typeOf(at) {
      const place = places.get(at);
      return types[(bytes.blockOf(place)[bytes.indexOf(place)] ?? 0) & 7] ?? 'file';
    },
  };
}

function write(to: ByteWriter, entry: TarEntry, position: number, owners: Owners): void {
  const { type, nanoseconds, linkname, device, xattrs, windows, sparse } = entry;
  const rare =
    (nanoseconds === 0 ? 0 : hasTime) |
    (linkname === undefined ? 0 : hasTarget) |
    (device === undefined ? 0 : hasDevice) |
    (xattrs === undefined && windows === undefined ? 0 : hasAttributes) |
    (sparse === undefined ? 0 : hasHoles);
  to.byte(types.indexOf(type) | rare);
  for (const value of [position, entry.offset, entry.stored, entry.mode, entry.uid, entry.gid])
    to.number(value);
  to.byte(entry.mtime < 0 ? 1 : 0);
  to.number(Math.abs(entry.mtime));
  owners.write(to, entry.uname);
  owners.write(to, entry.gname);
  if (nanoseconds !== 0) to.number(nanoseconds);
  if (linkname !== undefined) to.text(linkname);
  if (device !== undefined) {
    // A number below 0 means nothing, and no tar could hold it again.
    to.number(Math.max(0, device.major));
    to.number(Math.max(0, device.minor));
  }
  if (xattrs !== undefined || windows !== undefined) {
    to.pairs([...(xattrs ?? [])]);
    to.pairs([...(windows ?? [])].map(([key, value]) => [key, encodeText(value)] as const));
  }
  if (sparse === undefined) return;
  to.number(sparse.size);
  to.number(sparse.pieces.length);
  for (const { at, length } of sparse.pieces) {
    to.number(at);
    to.number(length);
  }
}

function read(from: ByteReader, owners: Owners): StoredHeader {
  const first = from.byte();
  const [position, offset, stored] = [from.number(), from.number(), from.number()];
  const [mode, uid, gid] = [from.number(), from.number(), from.number()];
  const mtime = from.byte() === 0 ? from.number() : -from.number();
  const [uname, gname] = [owners.read(from), owners.read(from)];
  const nanoseconds = (first & hasTime) === 0 ? 0 : from.number();
  const linkname = (first & hasTarget) === 0 ? undefined : from.text();
  const device = (first & hasDevice) === 0 ? undefined : { major: from.number(), minor: from.number() };
  const xattrs = (first & hasAttributes) === 0 ? [] : from.pairs();
  const windows = (first & hasAttributes) === 0 ? [] : from.pairs();
  const size = (first & hasHoles) === 0 ? stored : from.number();
  const pieces = (first & hasHoles) === 0 ? undefined : piecesFrom(from);
  return {
    type: types[first & 7] ?? 'file',
    size,
    mode,
    mtime,
    nanoseconds,
    uid,
    gid,
    xattrs: xattrs.length === 0 ? undefined : new Map(xattrs),
    windows:
      windows.length === 0 ? undefined : new Map(windows.map(([key, value]) => [key, decodeText(value)])),
    device,
    uname,
    gname,
    ...(linkname === undefined ? {} : { linkname }),
    position,
    offset,
    stored,
    ...(pieces === undefined ? {} : { sparse: { size, pieces } }),
  };
}

function piecesFrom(from: ByteReader): readonly Piece[] {
  return Array.from({ length: from.number() }, () => ({ at: from.number(), length: from.number() }));
}
