import { expectFormat } from './damage.ts';

/** Reads a source in pieces of any size. */
export class ByteInput {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Returns the next bytes in an array of their own; fewer only at the end. */
  async take(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, await this.#fill(bytes));
  }

  /** Returns the next bytes, and fails if there are fewer. */
  async need(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    await this.needInto(bytes);
    return bytes;
  }

  /** Fills an array with the next bytes, and fails if there are fewer. */
  async needInto(target: Uint8Array): Promise<void> {
    expectFormat((await this.#fill(target)) === target.byteLength, 'the stream is cut off');
  }

  /** Skips bytes, and fails if there are fewer. */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      expectFormat(await this.#more(), 'the stream is cut off');
      const skipped = Math.min(left, this.#rest.byteLength);
      this.#rest = this.#rest.subarray(skipped);
      left -= skipped;
    }
  }

  /** Releases the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #fill(target: Uint8Array): Promise<number> {
    let at = 0;
    while (at < target.byteLength && (await this.#more())) {
      const part = this.#rest.subarray(0, target.byteLength - at);
      target.set(part, at);
      at += part.byteLength;
      this.#rest = this.#rest.subarray(part.byteLength);
    }
    return at;
  }

  /** Whether there are bytes. */
  async #more(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return false;
      this.#rest = value;
    }
    return true;
  }
}
