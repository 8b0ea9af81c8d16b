/** Bytes of a chunk of the tar. Most files of an image are smaller, and a chunk for each would cost more than its bytes. */
const chunkSize = 1024 * 1024;

/** Collects bytes in memory that every chunk uses again. */
export class Chunk {
  readonly #bytes = new Uint8Array(chunkSize);
  #filled = 0;

  /** Adds bytes, and yields the chunk each time that it is full. */
  *put(bytes: Uint8Array): Iterable<Uint8Array> {
    for (let rest = bytes; rest.byteLength > 0; ) {
      const part = rest.subarray(0, chunkSize - this.#filled);
      this.#bytes.set(part, this.#filled);
      this.#filled += part.byteLength;
      rest = rest.subarray(part.byteLength);
      if (this.#filled < chunkSize) continue;
      this.#filled = 0;
      yield this.#bytes;
    }
  }

  *rest(): Iterable<Uint8Array> {
    if (this.#filled > 0) yield this.#bytes.subarray(0, this.#filled);
  }
}
