import { BackwardBits } from './bits.ts';
import { expectFormat } from './damage.ts';
import { baseOf, readFseTable, symbolOf, widthOf } from './fse.ts';

/** The codes of literals: for each pattern of `log` bits the symbol that it begins with, and its length. */
export interface HuffmanTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly lengths: Uint8Array;
}

const mostBits = 11;

/**
 * Reads the description of the codes. Returns them with the position after it.
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-4.2.1
 */
export function readHuffmanTable(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly table: HuffmanTable; readonly end: number } {
  const head = bytes[at] ?? 0;
  const count = head - 127;
  const after = at + 1 + (head < 128 ? head : (count + 1) >> 1);
  expectFormat(after <= end, 'a table of codes is cut off');
  const weights = head < 128 ? packedWeights(bytes, at + 1, after) : plainWeights(bytes, at + 1, count);
  return { table: tableOf(weights), end: after };
}

function plainWeights(bytes: Uint8Array, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const byte = bytes[at + (index >> 1)] ?? 0;
    return index % 2 === 0 ? byte >> 4 : byte & 15;
  });
}

/** Reads weights that are compressed with two states in turn. */
function packedWeights(bytes: Uint8Array, at: number, end: number): number[] {
  const { table, end: begin } = readFseTable(bytes, at, end, { log: 6, symbols: 256 });
  const bits = new BackwardBits(bytes, begin, end);
  const entryOf = (state: number): number => table.states[state] ?? 0;
  const weights: number[] = [];
  let [entry, other] = [entryOf(bits.read(table.log)), entryOf(bits.read(table.log))];
  for (;;) {
    expectFormat(bits.left >= 0 && weights.length < 254, 'the weights of a table of codes are damaged');
    weights.push(symbolOf(entry));
    if (bits.left < widthOf(entry)) {
      // Without bits for its next state, the other one has the last weight.
      weights.push(symbolOf(other));
      return weights;
    }
    [entry, other] = [other, entryOf(baseOf(entry) + bits.read(widthOf(entry)))];
  }
}

/** Builds the table. The weight of the last symbol completes the sum to a power of two. */
function tableOf(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) {
    expectFormat(weight <= mostBits, 'a code is too long');
    sum += weight === 0 ? 0 : 1 << (weight - 1);
  }
  expectFormat(sum > 0, 'a table has no codes');
  const log = 32 - Math.clz32(sum);
  const rest = (1 << log) - sum;
  expectFormat(log <= mostBits && (rest & (rest - 1)) === 0, 'a table of codes does not fit');
  weights.push(32 - Math.clz32(rest));
  const counts = new Uint16Array(mostBits + 2);
  for (const weight of weights) counts[weight] = (counts[weight] ?? 0) + 1;
  const starts = new Uint16Array(mostBits + 2);
  for (let weight = 1, next = 0; weight <= log; weight++) {
    starts[weight] = next;
    next += (counts[weight] ?? 0) << (weight - 1);
  }
  const symbols = new Uint8Array(1 << log);
  const lengths = new Uint8Array(1 << log);
  for (const [symbol, weight] of weights.entries()) {
    if (weight === 0) continue;
    const start = starts[weight] ?? 0;
    const stop = start + (1 << (weight - 1));
    symbols.fill(symbol, start, stop);
    lengths.fill(log + 1 - weight, start, stop);
    starts[weight] = stop;
  }
  return { log, symbols, lengths };
}

/** A part of an array. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Decodes one stream of literals into a part of `target`. The stream has `slack` bytes after it. */
export function decodeStream(
  { log, symbols, lengths }: HuffmanTable,
  bytes: Uint8Array,
  stream: Range,
  target: Uint8Array,
  { from, to }: Range,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + stream.from);
  const bits = new BackwardBits(bytes, stream.from, stream.to);
  let left = bits.left;
  let at = from;
  const mask = (1 << log) - 1;
  // A word has at least 25 bits, which are two codes.
  while (at + 1 < to && left >= 32) {
    const bit = left - 25;
    const word = view.getUint32(bit >>> 3, true) >>> (bit & 7);
    const first = (word >>> (25 - log)) & mask;
    const length = lengths[first] ?? 0;
    const second = (word >>> (25 - log - length)) & mask;
    target[at] = symbols[first] ?? 0;
    target[at + 1] = symbols[second] ?? 0;
    left -= length + (lengths[second] ?? 0);
    at += 2;
  }
  bits.left = left;
  for (; at < to; at++) {
    const code = bits.peek(log);
    target[at] = symbols[code] ?? 0;
    bits.left -= lengths[code] ?? 0;
  }
  expectFormat(bits.left === 0, 'a stream of literals is damaged');
}
