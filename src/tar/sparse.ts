import { ContentError } from '../errors.ts';
import { type Content, sliceContent } from '../flow/content.ts';
import type { HeadReading } from './cursor.ts';
import { blockSize, decodeNumber } from './header.ts';

/** A part of a sparse file that the tar stores. The rest of the file is zeros. */
export interface Piece {
  /** The position in the file. */
  readonly at: number;
  readonly length: number;
}

/** The layout of a file with holes. The tar stores its pieces one after the other. */
export interface SparseMap {
  readonly pieces: readonly Piece[];
  /** Bytes of the file, including holes. */
  readonly size: number;
}

/** The map before a body, if the file has holes, and the bytes that were read for it. */
export interface MapReading {
  readonly map: SparseMap | undefined;
  readonly read: number;
}

/** In bytes. A longer map is an attack on memory. */
const maxMap = 1024 * 1024;
/** Digits of a number in a map. */
const maxDigits = 16;
/** Bytes of zeros that any file may expand to; beyond that, the largest number of bytes for each byte in the tar. */
const freeZeros = 2 ** 30;
const maxRatio = 200;

/**
 * Reads the map of a file of type `S`, GNU's own format: four pieces in the header and further blocks of 21.
 * @see https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html
 */
export function* readGnuMap(header: Uint8Array, where: string): HeadReading<MapReading> {
  const size = field(header, 483, where);
  const pieces = piecesOf(header, { at: 386, count: 4 }, where);
  let isExtended = header[482] !== 0;
  let read = 0;
  for (; isExtended; read += blockSize) {
    if (read > maxMap) throw tooLong(where);
    const block = yield blockSize;
    if (block.byteLength < blockSize) throw malformed(where);
    pieces.push(...piecesOf(block, { at: 0, count: 21 }, where));
    isExtended = block[504] !== 0;
  }
  return { map: { size, pieces }, read };
}

function piecesOf(
  block: Uint8Array,
  { at, count }: { readonly at: number; readonly count: number },
  where: string,
): Piece[] {
  const pieces: Piece[] = [];
  for (let piece = at; piece < at + count * 24; piece += 24) {
    // An empty field ends the list.
    if (block[piece] === 0) break;
    pieces.push({ at: field(block, piece, where), length: field(block, piece + 12, where) });
  }
  return pieces;
}

/**
 * Reads the map in PAX records, in one of three versions. The newest stores it at the beginning of the body; the reading
 * then ends behind it. A file without holes has no map.
 */
export function* readPaxMap(records: ReadonlyMap<string, string>, where: string): HeadReading<MapReading> {
  const version = records.get('GNU.sparse.major');
  if (version === '1') {
    const size = count(records.get('GNU.sparse.realsize'), where);
    const { pieces, read } = yield* readBodyMap(where);
    return { map: { size, pieces }, read };
  }
  const map = records.get('GNU.sparse.map');
  if (map === undefined && version === undefined) return { map: undefined, read: 0 };
  const size = count(records.get('GNU.sparse.size'), where);
  const pieces = paired(map === undefined || map === '' ? [] : map.split(','), where);
  return { map: { size, pieces }, read: 0 };
}

/** Reads lines of numbers: the count of pieces, then the position and the length of each, padded to a block. */
function* readBodyMap(
  where: string,
): HeadReading<{ readonly pieces: readonly Piece[]; readonly read: number }> {
  const numbers: string[] = [];
  let rest = '';
  let read = 0;
  for (; ; read += blockSize) {
    const [first] = numbers;
    if (first !== undefined && numbers.length > count(first, where) * 2) break;
    // A line without an end would be copied and searched again with every block.
    if (rest.length > maxDigits) throw malformed(where);
    if (read > maxMap) throw tooLong(where);
    const block = yield blockSize;
    if (block.byteLength < blockSize) throw malformed(where);
    const lines = `${rest}${new TextDecoder('latin1').decode(block)}`.split('\n');
    rest = lines.pop() ?? '';
    numbers.push(...lines);
  }
  const [pieces = '', ...places] = numbers;
  return { pieces: paired(places.slice(0, count(pieces, where) * 2), where), read };
}

function paired(numbers: readonly string[], where: string): readonly Piece[] {
  if (numbers.length % 2 !== 0) throw malformed(where);
  const pieces: Piece[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    pieces.push({ at: count(numbers[at], where), length: count(numbers[at + 1], where) });
  }
  return pieces;
}

/**
 * Checks that the pieces are in order, inside the file, and as long as the stored bytes.
 * @throws MANIFEST_INVALID otherwise
 */
export function checkMap({ pieces, size }: SparseMap, stored: number, where: string): void {
  let end = 0;
  let held = 0;
  for (const { at, length } of pieces) {
    if (at < end || at + length > size) throw malformed(where);
    end = at + length;
    held += length;
  }
  if (held !== stored) throw malformed(where);
}

/**
 * Restores the file from its stored bytes.
 * @throws TOO_LARGE when nearly all of the file is holes
 */
export async function* withHoles(
  source: AsyncIterable<Uint8Array>,
  { pieces, size }: SparseMap,
  what: string,
): AsyncIterable<Uint8Array> {
  checkRatio(pieces, size, what);
  const chunks = source[Symbol.asyncIterator]();
  try {
    let chunk: Uint8Array = new Uint8Array(0);
    let end = 0;
    for (const { at, length } of pieces) {
      yield* zeros(at - end);
      for (let left = length; left > 0; ) {
        while (chunk.byteLength === 0) {
          const next = await chunks.next();
          if (next.done === true) throw malformed(what);
          chunk = next.value;
        }
        const part = chunk.subarray(0, left);
        chunk = chunk.subarray(part.byteLength);
        left -= part.byteLength;
        yield part;
      }
      end = at + length;
    }
    yield* zeros(size - end);
    // A source that verifies itself does so at its end.
    while ((await chunks.next()).done !== true);
  } finally {
    await chunks.return?.();
  }
}

/** As `withHoles`, for seekable content. */
export function contentWithHoles(
  stored: Content,
  map: SparseMap,
  what: string,
): Content & { readonly size: number } {
  const { size, pieces } = map;
  checkRatio(pieces, size, what);
  return {
    size,
    replayable: stored.replayable,
    async *open({ from = 0, to = size, signal } = {}): AsyncIterable<Uint8Array> {
      let begin = 0;
      let end = from;
      for (const { at, length } of pieces) {
        const first = Math.max(at, from);
        const last = Math.min(at + length, to);
        if (first < last) {
          yield* zeros(first - end);
          const part = sliceContent(stored, begin + first - at, begin + last - at);
          yield* part.open({ signal });
          end = last;
        }
        begin += length;
      }
      yield* zeros(Math.min(to, size) - end);
    },
  };
}

const zeroStep = new Uint8Array(64 * 1024);

function* zeros(length: number): Iterable<Uint8Array> {
  for (let left = length; left > 0; left -= zeroStep.byteLength) {
    yield zeroStep.slice(0, Math.min(left, zeroStep.byteLength));
  }
}

function checkRatio(pieces: readonly Piece[], size: number, what: string): void {
  const held = pieces.reduce((sum, { length }) => sum + length, 0);
  const expected = Math.max(freeZeros, held * maxRatio);
  if (size <= expected) return;
  throw new ContentError('TOO_LARGE', `${what}: the file has ${size} bytes, nearly all of them holes`, {
    expected,
    actual: size,
  });
}

function field(block: Uint8Array, at: number, where: string): number {
  const value = decodeNumber(block, at, 12);
  if (value === undefined) throw malformed(where);
  return value;
}

function count(text: string | undefined, where: string): number {
  if (
    text === undefined ||
    text.length > maxDigits ||
    !/^[0-9]+$/.test(text) ||
    !Number.isSafeInteger(Number(text))
  )
    throw malformed(where);
  return Number(text);
}

function malformed(where: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${where}: the map of a sparse file is malformed`);
}

function tooLong(where: string): ContentError {
  return new ContentError('TOO_LARGE', `${where}: the map of a sparse file is longer than ${maxMap} bytes`, {
    expected: maxMap,
  });
}
