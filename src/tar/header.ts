import { ContentError, InputError } from '../errors.ts';
import { decodeText, encodeText } from './text.ts';

export const blockSize = 512;

/** The content of one header block, before the records ahead of it are applied. */
export interface TarBlock {
  readonly name: string;
  /** One character; see `typeOf`. */
  readonly typeflag: string;
  readonly size: number;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly linkname: string;
  /** @defaultValue 0 */
  readonly uid?: number | undefined;
  /** @defaultValue 0 */
  readonly gid?: number | undefined;
  /** @defaultValue '' */
  readonly uname?: string | undefined;
  /** @defaultValue '' */
  readonly gname?: string | undefined;
  /** The numbers of a device. */
  readonly device?: Device | undefined;
}

/** The numbers by which the kernel knows a device. */
export interface Device {
  /** The number of the driver. */
  readonly major: number;
  /** The number of the device, for its driver. */
  readonly minor: number;
}

/** The largest size or time that fits into its octal field. A larger one goes into a PAX record. */
export const maxOctal: number = 8 ** 11 - 1;
/** The largest id of a user or group that fits into its octal field. */
export const maxOctalId: number = 8 ** 7 - 1;

const checksumAt = 148;
const space = 0x20;
const zero = 0x30;

/**
 * Reads a block in ustar, GNU or V7 format.
 * @throws MANIFEST_INVALID for a wrong checksum or a malformed number
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06
 */
export function decodeBlock(block: Uint8Array, where: string): TarBlock {
  checkSum(block, where);
  const prefix = hasPrefix(block) ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeflag: String.fromCharCode(block[156] ?? 0),
    size: needed(decodeNumber(block, 124, 12), where, 'size'),
    mode: needed(decodeNumber(block, 100, 8), where, 'mode'),
    mtime: decodeNumber(block, 136, 12) ?? 0,
    linkname: text(block, 157, 100),
    uid: needed(decodeNumber(block, 108, 8), where, 'uid'),
    gid: needed(decodeNumber(block, 116, 8), where, 'gid'),
    // The oldest format, V7, has no magic and ends here.
    ...(hasMagic(block) ? ownersAndDevice(block) : {}),
  };
}

const magic = [0x75, 0x73, 0x74, 0x61, 0x72];

/** Whether the block has the magic `ustar`, and so the fields after it. */
function hasMagic(block: Uint8Array): boolean {
  return magic.every((byte, at) => block[257 + at] === byte);
}

/** GNU's magic is `ustar ` with a space, and GNU uses the bytes of the prefix for other fields. */
function hasPrefix(block: Uint8Array): boolean {
  return block[262] === 0 && hasMagic(block);
}

function ownersAndDevice(block: Uint8Array): Pick<TarBlock, 'uname' | 'gname' | 'device'> {
  return {
    uname: text(block, 265, 32),
    gname: text(block, 297, 32),
    device: { major: decodeNumber(block, 329, 8) ?? 0, minor: decodeNumber(block, 337, 8) ?? 0 },
  };
}

/**
 * Writes a ustar block into the given memory. Cuts off a long text, since a PAX record carries the whole, as it does for a large
 * number.
 */
export function encodeBlock(tarBlock: TarBlock, block: Uint8Array = new Uint8Array(blockSize)): Uint8Array {
  const { name, typeflag, size, mode, mtime, linkname, device } = tarBlock;
  const { uid = 0, gid = 0, uname = '', gname = '' } = tarBlock;
  block.fill(0);
  putText(block, { at: 0, length: 100 }, name);
  putOctal(block, { at: 100, length: 8 }, mode);
  putOctal(block, { at: 108, length: 8 }, uid > maxOctalId ? 0 : uid);
  putOctal(block, { at: 116, length: 8 }, gid > maxOctalId ? 0 : gid);
  putOctal(block, { at: 124, length: 12 }, size > maxOctal ? 0 : size);
  putOctal(block, { at: 136, length: 12 }, mtime < 0 || mtime > maxOctal ? 0 : mtime);
  putText(block, { at: 156, length: 1 }, typeflag);
  putText(block, { at: 157, length: 100 }, linkname);
  putText(block, { at: 257, length: 8 }, 'ustar\u000000');
  putText(block, { at: 265, length: 32 }, uname);
  putText(block, { at: 297, length: 32 }, gname);
  if (device !== undefined) {
    putOctal(block, { at: 329, length: 8 }, device.major);
    putOctal(block, { at: 337, length: 8 }, device.minor);
  }
  putOctal(block, { at: checksumAt, length: 7 }, sumOf(block));
  block[checksumAt + 7] = space;
  return block;
}

/** Fields of a header block to replace. */
export interface BlockPatch {
  readonly name?: string | undefined;
  readonly linkname?: string | undefined;
  readonly size?: number | undefined;
  readonly mtime?: number | undefined;
}

/** Returns a copy of a block with other values in some fields and the right checksum. All its other bytes stay. */
export function patchedBlock(block: Uint8Array, { name, linkname, size, mtime }: BlockPatch): Uint8Array {
  const patched = Uint8Array.from(block);
  if (name !== undefined) {
    replaceText(patched, { at: 0, length: 100 }, name);
    // The prefix belongs to the name in ustar only.
    if (hasPrefix(block)) replaceText(patched, { at: 345, length: 155 }, '');
  }
  if (linkname !== undefined) replaceText(patched, { at: 157, length: 100 }, linkname);
  if (size !== undefined) replaceOctal(patched, { at: 124, length: 12 }, size);
  if (mtime !== undefined) replaceOctal(patched, { at: 136, length: 12 }, mtime);
  replaceOctal(patched, { at: checksumAt, length: 7 }, sumOf(patched));
  patched[checksumAt + 7] = space;
  return patched;
}

export function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

function checkSum(block: Uint8Array, where: string): void {
  if (decodeNumber(block, checksumAt, 8) === sumOf(block)) return;
  throw new ContentError('MANIFEST_INVALID', `${where}: this is no tar header: its checksum is wrong`);
}

/** Sums up all bytes, reading those of the checksum as spaces. */
function sumOf(block: Uint8Array): number {
  let sum = 8 * space;
  for (let at = 0; at < checksumAt; at++) sum += block[at] ?? 0;
  for (let at = checksumAt + 8; at < blockSize; at++) sum += block[at] ?? 0;
  return sum;
}

function text(block: Uint8Array, at: number, length: number): string {
  // Most fields are empty.
  if (block[at] === 0) return '';
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return decodeText(end === -1 ? field : field.subarray(0, end));
}

/**
 * Reads an octal number, or a base-256 one (GNU's format for large and for negative numbers). Returns undefined for any
 * other text, and beyond 2^53.
 */
export function decodeNumber(block: Uint8Array, at: number, length: number): number | undefined {
  if ((block[at] ?? 0) >= 0x80) return decodeBinary(block.subarray(at, at + length));
  let value = 0;
  let digits = 0;
  let isOver = false;
  for (let index = at; index < at + length; index++) {
    const byte = block[index] ?? 0;
    if (byte === 0) break;
    if (byte === space) isOver = digits > 0;
    else if (isOver || byte < zero || byte > zero + 7) return undefined;
    else {
      value = value * 8 + byte - zero;
      digits++;
    }
  }
  return value;
}

function decodeBinary(field: Uint8Array): number | undefined {
  const [first] = field;
  const isNegative = first === 0xff;
  const size = field.subarray(1).reduce((sum, byte) => sum * 256 + (isNegative ? 255 - byte : byte), 0);
  const value = isNegative ? -1 - size : size;
  return (first === 0x80 || isNegative) && Number.isSafeInteger(value) ? value : undefined;
}

function needed(value: number | undefined, where: string, field: string): number {
  if (value !== undefined && value >= 0) return value;
  throw new ContentError('MANIFEST_INVALID', `${where}: ${field} is not a number in tar's format`);
}

interface Field {
  readonly at: number;
  readonly length: number;
}

function putText(block: Uint8Array, { at, length }: Field, value: string): void {
  const end = Math.min(value.length, length);
  for (let index = 0; index < end; index++) {
    const unit = value.charCodeAt(index);
    // Most texts are ASCII.
    if (unit >= 0x80) {
      block.set(encodeText(value).subarray(0, length), at);
      return;
    }
    block[at + index] = unit;
  }
}

function replaceText(block: Uint8Array, field: Field, value: string): void {
  block.fill(0, field.at, field.at + field.length);
  putText(block, field, value);
}

function replaceOctal(block: Uint8Array, field: Field, value: number): void {
  block.fill(0, field.at, field.at + field.length);
  putOctal(block, field, value);
}

/** Writes zero-padded digits and a NUL into a field. */
function putOctal(block: Uint8Array, { at, length }: Field, value: number): void {
  let rest = value;
  for (let digit = at + length - 2; digit >= at; digit--) {
    block[digit] = zero + (rest % 8);
    rest = Math.floor(rest / 8);
  }
  if (!Number.isSafeInteger(value) || rest !== 0) {
    throw new InputError('INVALID_OPTION', `${value} does not fit in a tar header`);
  }
}
