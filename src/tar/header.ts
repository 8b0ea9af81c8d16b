import { ContentError, InputError } from '../errors.ts';

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
}

/** The largest size that fits into the octal field. A larger size goes into a PAX record. */
export const maxOctalSize: number = 8 ** 11 - 1;

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const checksumAt = 148;

/**
 * Reads a block in ustar, GNU or V7 format.
 * @throws MANIFEST_INVALID for a wrong checksum or a malformed number
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06
 */
export function decodeBlock(block: Uint8Array, where: string): TarBlock {
  checkSum(block, where);
  const magic = text(block, 257, 6);
  // GNU's magic is `ustar ` with a space, and GNU uses the bytes of the prefix for other fields.
  const prefix = magic === 'ustar' ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    typeflag: String.fromCharCode(block[156] ?? 0),
    size: needed(decodeNumber(block, 124, 12), `${where}: size`),
    mode: needed(decodeNumber(block, 100, 8), `${where}: mode`),
    // Times before 1970 are valid but have no use here.
    mtime: decodeNumber(block, 136, 12) ?? 0,
    linkname: text(block, 157, 100),
  };
}

/** Writes a ustar block owned by root. Cuts off a long text, since a PAX record carries the whole. */
export function encodeBlock({ name, typeflag, size, mode, mtime, linkname }: TarBlock): Uint8Array {
  const block = new Uint8Array(blockSize);
  block.set(encoder.encode(name).subarray(0, 100), 0);
  block.set(octal(mode, 8), 100);
  block.set(octal(0, 8), 108);
  block.set(octal(0, 8), 116);
  block.set(octal(size > maxOctalSize ? 0 : size, 12), 124);
  block.set(octal(mtime, 12), 136);
  block.set(encoder.encode(typeflag), 156);
  block.set(encoder.encode(linkname).subarray(0, 100), 157);
  block.set(encoder.encode('ustar\u000000'), 257);
  block.set(octal(sumOf(block), 7), checksumAt);
  block[checksumAt + 7] = 0x20;
  return block;
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
  let sum = 8 * 0x20;
  for (let at = 0; at < blockSize; at++) {
    if (at < checksumAt || at >= checksumAt + 8) sum += block[at] ?? 0;
  }
  return sum;
}

function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return decoder.decode(end === -1 ? field : field.subarray(0, end));
}

/**
 * Reads an octal number, or a base-256 one (GNU's format for large numbers). Returns undefined for any other text, a
 * negative number and one above 2^53.
 */
export function decodeNumber(block: Uint8Array, at: number, length: number): number | undefined {
  const field = block.subarray(at, at + length);
  const first = field[0] ?? 0;
  if (first >= 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return first === 0x80 && Number.isSafeInteger(value) ? value : undefined;
  }
  const digits = text(block, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) return undefined;
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function needed(value: number | undefined, what: string): number {
  if (value !== undefined) return value;
  throw new ContentError('MANIFEST_INVALID', `${what} is not a number in tar's format`);
}

/** Writes zero-padded digits and a NUL into a field of `width` bytes. */
function octal(value: number, width: number): Uint8Array {
  const digits = value.toString(8).padStart(width - 1, '0');
  if (!Number.isSafeInteger(value) || value < 0 || digits.length >= width) {
    throw new InputError('INVALID_OPTION', `${value} does not fit in a tar header`);
  }
  return encoder.encode(`${digits}\0`);
}
