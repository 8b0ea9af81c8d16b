const blockSize = 2 ** 16;

/** Sequences of bytes, one after the other in large blocks. A position fits into a column. */
export class Bytes {
  readonly #blocks: Uint8Array[] = [];
  #filled = blockSize;

  /** Keeps a copy, and returns its position. */
  add(bytes: Uint8Array): number {
    if (this.#filled + bytes.byteLength > blockSize) {
      // A longer sequence gets a block of its own.
      this.#blocks.push(new Uint8Array(Math.max(blockSize, bytes.byteLength)));
      this.#filled = 0;
    }
    const index = this.#blocks.length - 1;
    this.#blocks[index]?.set(bytes, this.#filled);
    const position = index * blockSize + this.#filled;
    this.#filled += bytes.byteLength;
    return position;
  }

  /** Returns the block that holds a position, for reading without a copy. */
  blockOf(position: number): Uint8Array {
    const block = this.#blocks[Math.floor(position / blockSize)];
    if (block === undefined) throw new RangeError(`nothing is at ${position}`);
    return block;
  }

  /** Returns the index of a position in its block. */
  indexOf(position: number): number {
    return position % blockSize;
  }
}
