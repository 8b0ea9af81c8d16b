import { expectFormat } from './damage.ts';

/** A table of finite state entropy: for each state its symbol, and the way to the next state. */
export interface FseTable {
  /** The number of bits of a state. */
  readonly log: number;
  /** The symbol in the lowest byte, the number of bits for the next state above, and above that its base. */
  readonly states: Uint32Array;
}

/** The parts of an entry of a table. */
export const symbolOf = (entry: number): number => entry & 255;
export const widthOf = (entry: number): number => (entry >>> 8) & 255;
export const baseOf = (entry: number): number => entry >>> 16;

/**
 * Builds the table of probabilities. -1 stands for less than 1.
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-4.1.1
 */
export function fseTable(probabilities: ArrayLike<number>, log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(probabilities.length);
  let high = size - 1;
  for (let symbol = 0; symbol < probabilities.length; symbol++) {
    const probability = probabilities[symbol] ?? 0;
    if (probability === -1) symbols[high--] = symbol;
    next[symbol] = probability === -1 ? 1 : probability;
  }
  const step = (size >>> 1) + (size >>> 3) + 3;
  let position = 0;
  for (let symbol = 0; symbol < probabilities.length; symbol++) {
    for (let left = probabilities[symbol] ?? 0; left > 0; left--) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position > high);
    }
  }
  expectFormat(position === 0, 'a table of probabilities does not fit');
  const states = new Uint32Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0;
    const count = next[symbol] ?? 1;
    next[symbol] = count + 1;
    const width = log - (31 - Math.clz32(count));
    states[state] = symbol | (width << 8) | (((count << width) - size) << 16);
  }
  return { log, states };
}

/** Returns the table of a single symbol, which takes no bits. */
export function singleTable(symbol: number): FseTable {
  return { log: 0, states: Uint32Array.of(symbol) };
}

/** The most that a table may have. */
export interface FseLimits {
  readonly log: number;
  readonly symbols: number;
}

/** Reads a description of a table. Returns it with the position after it. */
export function readFseTable(
  bytes: Uint8Array,
  at: number,
  end: number,
  limits: FseLimits,
): { readonly table: FseTable; readonly end: number } {
  let bit = at * 8;
  const peek = (count: number): number => {
    const byte = bit >>> 3;
    const word = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16);
    return (word >>> (bit & 7)) & ((1 << count) - 1);
  };
  const log = peek(4) + 5;
  bit += 4;
  expectFormat(log <= limits.log, 'a table of probabilities is too accurate');
  const probabilities: number[] = [];
  let left = (1 << log) + 1;
  let width = log + 1;
  while (left > 1 && probabilities.length < limits.symbols) {
    const threshold = 1 << (width - 1);
    const spare = 2 * threshold - 1 - left;
    const value = peek(width);
    const isShort = (value & (threshold - 1)) < spare;
    bit += isShort ? width - 1 : width;
    const long = value >= threshold ? value - spare : value;
    const probability = (isShort ? value & (threshold - 1) : long) - 1;
    left -= Math.abs(probability);
    probabilities.push(probability);
    if (probability === 0) {
      for (let zeros = 3; zeros === 3; ) {
        zeros = peek(2);
        bit += 2;
        for (let more = zeros; more > 0; more--) probabilities.push(0);
        expectFormat(probabilities.length <= limits.symbols, 'a table has too many symbols');
      }
    }
    width = Math.min(width, 32 - Math.clz32(left));
  }
  const after = (bit + 7) >>> 3;
  expectFormat(left === 1 && after <= end, 'a table of probabilities is damaged');
  return { table: fseTable(probabilities, log), end: after };
}
