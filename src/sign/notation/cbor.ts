import { Buffer } from 'node:buffer';
import { Rejection } from '../rejection.ts';

/** A value of CBOR. A map keeps its order, and a tag its number. */
export type Cbor =
  | number
  | string
  | boolean
  | null
  | Buffer
  | readonly Cbor[]
  | ReadonlyMap<Cbor, Cbor>
  | Tagged;

/** A value with a tag. */
export class Tagged {
  readonly tag: number;
  readonly value: Cbor;
  constructor(tag: number, value: Cbor) {
    this.tag = tag;
    this.value = value;
  }
}

/** Signatures nest three deep. */
const mostDepth = 16;

/**
 * Decodes one value of CBOR with definite lengths, as COSE has it. Refuses duplicate keys, longer forms of numbers than needed,
 * and bytes behind the value, so that no two documents mean the same.
 * @throws Rejection with the reason
 * @see https://www.rfc-editor.org/rfc/rfc8949#section-4.2
 */
export function decodeCbor(bytes: Uint8Array): Cbor {
  const reader: Reader = { bytes: Buffer.from(bytes), at: 0 };
  const value = read(reader, 0);
  if (reader.at !== reader.bytes.length) throw malformed('has bytes behind its end');
  return value;
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function read(reader: Reader, depth: number): Cbor {
  if (depth > mostDepth) throw malformed('is nested too deep');
  const first = take(reader, 1).readUInt8(0);
  const major = first >> 5;
  const low = first & 0x1f;
  if (major === 7) return simple(low);
  const count = argument(reader, low);
  switch (major) {
    case 0:
      return count;
    case 1:
      return -1 - count;
    case 2:
      return Buffer.from(take(reader, count));
    case 3:
      return textOf(take(reader, count));
    case 4:
      return readItems(reader, count, depth);
    case 5:
      return readPairs(reader, count, depth);
    default:
      return new Tagged(count, read(reader, depth + 1));
  }
}

function simple(low: number): Cbor {
  if (low === 20 || low === 21) return low === 21;
  if (low === 22) return null;
  throw malformed('has a value that no signature has');
}

function argument(reader: Reader, low: number): number {
  if (low < 24) return low;
  if (low > 27) throw malformed('has a length without an end');
  const size = 2 ** (low - 24);
  const bytes = take(reader, size);
  const value = size === 8 ? Number(bytes.readBigUInt64BE(0)) : bytes.readUIntBE(0, size);
  const least = low === 24 ? 24 : 2 ** (8 * (size / 2));
  if (value < least || !Number.isSafeInteger(value))
    throw malformed('has a number in a longer form than needed');
  return value;
}

function take(reader: Reader, length: number): Buffer {
  const end = reader.at + length;
  if (end > reader.bytes.length) throw malformed('is cut off');
  const taken = reader.bytes.subarray(reader.at, end);
  reader.at = end;
  return taken;
}

function readItems(reader: Reader, count: number, depth: number): readonly Cbor[] {
  const items: Cbor[] = [];
  // Each item takes a byte, so a false count ends soon.
  for (let at = 0; at < count; at++) items.push(read(reader, depth + 1));
  return items;
}

function readPairs(reader: Reader, count: number, depth: number): ReadonlyMap<Cbor, Cbor> {
  const pairs = new Map<Cbor, Cbor>();
  for (let at = 0; at < count; at++) {
    const key = read(reader, depth + 1);
    if (typeof key !== 'string' && typeof key !== 'number')
      throw malformed('has a key that is neither a number nor a text');
    if (pairs.has(key)) throw malformed('has a key twice');
    pairs.set(key, read(reader, depth + 1));
  }
  return pairs;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('has a text that is not UTF-8');
  }
}

/** Encodes bytes or a text with their length before them. */
export function encodeCbor(value: Buffer | string): Buffer {
  const bytes = Buffer.from(value);
  const major = (typeof value === 'string' ? 3 : 2) << 5;
  const { length } = bytes;
  if (length < 24) return Buffer.concat([Buffer.of(major | length), bytes]);
  const size = length < 2 ** 8 ? 1 : length < 2 ** 16 ? 2 : 4;
  const head = Buffer.alloc(1 + size);
  head.writeUInt8(major | (24 + Math.log2(size)), 0);
  head.writeUIntBE(length, 1, size);
  return Buffer.concat([head, bytes]);
}

function malformed(problem: string): Rejection {
  return new Rejection(`its COSE envelope ${problem}`);
}
