import { expectFormat } from './damage.ts';
import { decodeStream, type HuffmanTable, readHuffmanTable } from './huffman.ts';

/** In bytes: the most that one block may hold. */
export const mostInBlock: number = 128 * 1024;

/** The literals of a block. */
export interface Literals {
  /** Holds them from `from` to `to`. */
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** The position in the block after them. */
  readonly end: number;
}

/** Reads the literals of blocks. A block may use the codes of the one before. */
export class LiteralsReader {
  readonly #room: Uint8Array = new Uint8Array(mostInBlock);
  #table: HuffmanTable | undefined;

  /**
   * Reads the literals at the beginning of a block.
   * @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.3.1
   */
  read(block: Uint8Array, end: number): Literals {
    const head = block[0] ?? 0;
    return (head & 3) < 2 ? this.#plain(block, end, head) : this.#coded(block, end, head);
  }

  #plain(block: Uint8Array, end: number, head: number): Literals {
    const form = (head >> 2) & 3;
    const [second = 0, third = 0] = block.subarray(1, 3);
    const length = form % 2 === 0 ? 1 : form === 1 ? 2 : 3;
    const size = length === 1 ? head >> 3 : (head >> 4) | (second << 4) | (length === 3 ? third << 12 : 0);
    expectFormat(size <= mostInBlock, 'a block has too many literals');
    if ((head & 3) === 0) {
      expectFormat(length + size <= end, 'literals are cut off');
      return { bytes: block, from: length, to: length + size, end: length + size };
    }
    expectFormat(length < end, 'literals are cut off');
    this.#room.fill(block[length] ?? 0, 0, size);
    return { bytes: this.#room, from: 0, to: size, end: length + 1 };
  }

  #coded(block: Uint8Array, end: number, head: number): Literals {
    const form = (head >> 2) & 3;
    const width = form < 2 ? 10 : form === 2 ? 14 : 18;
    const length = form < 2 ? 3 : form + 2;
    const [, second = 0, third = 0, fourth = 0, fifth = 0] = block.subarray(0, 5);
    // The two sizes follow the four bits of the head, up to 36 bits in all.
    const mask = (1 << width) - 1;
    const size = ((head >> 4) | (second << 4) | (third << 12)) & mask;
    const high = third * 2 ** 16 + fourth * 2 ** 24 + fifth * 2 ** 32 + second * 2 ** 8 + head;
    const packed = Math.floor(high / 2 ** (4 + width)) & mask;
    const stop = length + packed;
    expectFormat(size <= mostInBlock && stop <= end, 'literals are cut off');
    let at = length;
    if ((head & 3) === 2) {
      const { table, end: after } = readHuffmanTable(block, at, stop);
      this.#table = table;
      at = after;
    }
    const table = this.#table;
    expectFormat(table !== undefined, 'literals have no codes');
    const whole = { from: 0, to: size };
    if (form === 0) decodeStream(table, block, { from: at, to: stop }, this.#room, whole);
    else this.#fourStreams(table, block, at, stop, size);
    return { bytes: this.#room, ...whole, end: stop };
  }

  #fourStreams(table: HuffmanTable, block: Uint8Array, at: number, stop: number, size: number): void {
    const part = (size + 3) >> 2;
    let from = at + 6;
    expectFormat(from <= stop && 3 * part <= size, 'literals are cut off');
    for (let index = 0; index < 4; index++) {
      const length = (block[at + 2 * index] ?? 0) | ((block[at + 2 * index + 1] ?? 0) << 8);
      const to = index === 3 ? stop : from + length;
      expectFormat(to <= stop, 'literals are cut off');
      const target = { from: index * part, to: index === 3 ? size : (index + 1) * part };
      decodeStream(table, block, { from, to }, this.#room, target);
      from = to;
    }
  }
}
