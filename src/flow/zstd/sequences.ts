import { BackwardBits } from './bits.ts';
import { expectFormat } from './damage.ts';
import { baseOf, type FseTable, fseTable, readFseTable, singleTable, symbolOf, widthOf } from './fse.ts';
import type { Literals } from './literals.ts';

/** The three tables of sequences: lengths of literals, offsets, and lengths of matches. */
interface SequenceTables {
  literals: FseTable;
  offsets: FseTable;
  matches: FseTable;
}

const kinds = ['literals', 'offsets', 'matches'] as const;

const limits = {
  literals: { log: 9, symbols: 36 },
  offsets: { log: 8, symbols: 32 },
  matches: { log: 9, symbols: 53 },
} as const;

/** @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.3.2.2 */
const predefined: Readonly<SequenceTables> = {
  literals: fseTable(
    [
      4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
      -1, -1,
    ],
    6,
  ),
  offsets: fseTable(
    [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
    5,
  ),
  matches: fseTable(
    [
      1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
    ],
    6,
  ),
};

/** The number of further bits behind the code of a length. */
const literalBits = widths(16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const matchBits = widths(32, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const literalBases = basesOf(literalBits, 0);
const matchBases = basesOf(matchBits, 3);

/** The first codes have no further bits. */
function widths(plain: number, others: readonly number[]): Uint8Array {
  const all = new Uint8Array(plain + others.length);
  all.set(others, plain);
  return all;
}

/** Each code begins after the last length of the one before. */
function basesOf(bits: Uint8Array, first: number): Uint32Array {
  const bases = new Uint32Array(bits.length);
  let base = first;
  for (const [code, width] of bits.entries()) {
    bases[code] = base;
    base += 2 ** width;
  }
  return bases;
}

/** The output of a frame. Bytes before `at` are there. */
export interface FrameOutput {
  bytes: Uint8Array;
  at: number;
}

/** Applies the sequences of blocks. A block may use tables and offsets of the one before. */
export class SequencesReader {
  readonly #tables: Partial<SequenceTables> = {};
  /** The last three distances of matches. */
  readonly #recent: Uint32Array = Uint32Array.of(1, 4, 8);

  /**
   * Reads the sequences of a block, and writes its content to the output, not beyond `limit`.
   * @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.3.2
   */
  apply(block: Uint8Array, end: number, literals: Literals, output: FrameOutput, limit: number): void {
    const { count, at } = countOf(block, literals.end, end);
    let from = literals.from;
    if (count > 0) {
      const { tables, begin } = this.#readTables(block, at, end);
      const { left } = new BackwardBits(block, begin, end);
      const stream = { block, floor: begin * 8, top: begin * 8 + left };
      from = runSequences(stream, count, { tables, recent: this.#recent }, literals, output, limit);
    } else expectFormat(at === end, 'a block has bytes after its literals');
    expectFormat(output.at + literals.to - from <= limit, 'a block is too large');
    output.bytes.set(literals.bytes.subarray(from, literals.to), output.at);
    output.at += literals.to - from;
  }

  #readTables(block: Uint8Array, at: number, end: number): { tables: SequenceTables; begin: number } {
    const modes = block[at] ?? 0;
    expectFormat(at < end && (modes & 3) === 0, 'the modes of sequences are damaged');
    let begin = at + 1;
    for (const [index, kind] of kinds.entries()) {
      const mode = (modes >> (6 - 2 * index)) & 3;
      if (mode === 0) this.#tables[kind] = predefined[kind];
      if (mode === 1) {
        const symbol = block[begin++] ?? 0;
        expectFormat(begin <= end && symbol < limits[kind].symbols, 'a code of a sequence does not exist');
        this.#tables[kind] = singleTable(symbol);
      }
      if (mode === 2) {
        const read = readFseTable(block, begin, end, limits[kind]);
        this.#tables[kind] = read.table;
        begin = read.end;
      }
    }
    const { literals, offsets, matches } = this.#tables;
    expectFormat(
      literals !== undefined && offsets !== undefined && matches !== undefined,
      'sequences have no table',
    );
    return { tables: { literals, offsets, matches }, begin };
  }
}

/** Bits from `top` down to `floor`, counted from the beginning of the block. */
interface BitStream {
  readonly block: Uint8Array;
  readonly floor: number;
  readonly top: number;
}

interface SequenceState {
  readonly tables: SequenceTables;
  readonly recent: Uint32Array;
}

/** Writes sequences. Returns the position of the first literal that is left. Nearly all time goes by here. */
function runSequences(
  { block, floor, top }: BitStream,
  count: number,
  { tables, recent }: SequenceState,
  source: Literals,
  output: FrameOutput,
  limit: number,
): number {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const { literals, offsets, matches } = tables;
  let bit = top - literals.log;
  expectFormat(bit - offsets.log - matches.log >= floor, cutOff);
  let literal = literals.states[bitsAt(view, bit, literals.log)] ?? 0;
  bit -= offsets.log;
  let offset = offsets.states[bitsAt(view, bit, offsets.log)] ?? 0;
  bit -= matches.log;
  let match = matches.states[bitsAt(view, bit, matches.log)] ?? 0;
  let from = source.from;
  for (let left = count; ; left--) {
    const offsetWidth = symbolOf(offset);
    const matchCode = symbolOf(match);
    const literalCode = symbolOf(literal);
    const matchWidth = matchBits[matchCode] ?? 0;
    const literalWidth = literalBits[literalCode] ?? 0;
    expectFormat(bit - offsetWidth - matchWidth - literalWidth >= floor, cutOff);
    bit -= offsetWidth;
    const value =
      offsetWidth > 24
        ? 2 ** offsetWidth + longBitsAt(view, bit, offsetWidth)
        : (1 << offsetWidth) + bitsAt(view, bit, offsetWidth);
    bit -= matchWidth;
    const length = (matchBases[matchCode] ?? 0) + bitsAt(view, bit, matchWidth);
    bit -= literalWidth;
    const plain = (literalBases[literalCode] ?? 0) + bitsAt(view, bit, literalWidth);
    expectFormat(from + plain <= source.to && output.at + plain + length <= limit, 'a sequence is too long');
    copyLiterals(source.bytes, from, plain, output);
    from += plain;
    copyMatch(distanceOf(recent, value, plain), length, output);
    if (left === 1) break;
    const literalNext = widthOf(literal);
    const matchNext = widthOf(match);
    const offsetNext = widthOf(offset);
    expectFormat(bit - literalNext - matchNext - offsetNext >= floor, cutOff);
    bit -= literalNext;
    literal = literals.states[baseOf(literal) + bitsAt(view, bit, literalNext)] ?? 0;
    bit -= matchNext;
    match = matches.states[baseOf(match) + bitsAt(view, bit, matchNext)] ?? 0;
    bit -= offsetNext;
    offset = offsets.states[baseOf(offset) + bitsAt(view, bit, offsetNext)] ?? 0;
  }
  expectFormat(bit === floor, 'the bits of sequences are damaged');
  return from;
}

const cutOff = 'the bits of sequences are cut off';

/** Returns bits from a position upward, at most 24. */
function bitsAt(view: DataView, bit: number, width: number): number {
  return (view.getUint32(bit >>> 3, true) >>> (bit & 7)) & ((1 << width) - 1);
}

/** Returns bits from a position upward, at most 32. */
function longBitsAt(view: DataView, bit: number, width: number): number {
  return bitsAt(view, bit + 16, width - 16) * 65_536 + bitsAt(view, bit, 16);
}

/** Returns the distance of a match. Small values stand for one of the last three. */
function distanceOf(recent: Uint32Array, value: number, literals: number): number {
  // Destructuring would call an iterator each time.
  const first = recent[0] ?? 0;
  const second = recent[1] ?? 0;
  const third = recent[2] ?? 0;
  const which = value > 3 ? 3 : value - (literals === 0 ? 0 : 1);
  if (which === 0) return first;
  const distance = value > 3 ? value - 3 : which === 1 ? second : which === 2 ? third : first - 1;
  if (which > 1) recent[2] = second;
  recent[1] = first;
  recent[0] = distance;
  return distance;
}

/** Reads the number of sequences. */
function countOf(
  block: Uint8Array,
  at: number,
  end: number,
): { readonly count: number; readonly at: number } {
  expectFormat(at < end, 'a block has no sequences');
  const [first = 0, second = 0, third = 0] = block.subarray(at, end);
  if (first < 128) return { count: first, at: at + 1 };
  if (first < 255) return { count: ((first - 128) << 8) + second, at: at + 2 };
  return { count: second + (third << 8) + 0x7f00, at: at + 3 };
}

/** Copies of fewer bytes are faster in a loop. */
const small = 64;

function copyLiterals(from: Uint8Array, at: number, length: number, output: FrameOutput): void {
  const { bytes } = output;
  if (length > small) bytes.set(from.subarray(at, at + length), output.at);
  else for (let index = 0; index < length; index++) bytes[output.at + index] = from[at + index] ?? 0;
  output.at += length;
}

function copyMatch(offset: number, length: number, output: FrameOutput): void {
  const { bytes, at } = output;
  expectFormat(offset > 0 && offset <= at, 'a sequence refers to bytes before the beginning');
  const stop = at + length;
  if (offset >= length && length > small) bytes.copyWithin(at, at - offset, at - offset + length);
  else if (offset === 1) bytes.fill(bytes[at - 1] ?? 0, at, stop);
  else for (let index = at; index < stop; index++) bytes[index] = bytes[index - offset] ?? 0;
  output.at = stop;
}
