import { collect } from '../flow/collect.ts';
import type { Content } from '../flow/content.ts';

/** A position in a tar that only moves forward. */
export interface Cursor {
  readonly offset: number;
  /** Returns the next `length` bytes in an array of their own; fewer only at the end. */
  take(length: number): Promise<Uint8Array>;
  /** Returns the number of bytes skipped; fewer than `length` only at the end. */
  skip(length: number): Promise<number>;
}

/**
 * The reading of a header and its records. It yields the number of the bytes that it needs next, and gets them: fewer only at
 * the end, and valid until the next step. So the same code reads chunks without waiting, and sources that make it wait.
 */
export type HeadReading<T> = Generator<number, T, Uint8Array>;

/** Reads from seekable content, so skipped bytes are never read. */
export class ContentCursor implements Cursor {
  readonly #content: Content;
  readonly #size: number;
  readonly #signal: AbortSignal | undefined;
  offset = 0;

  constructor(content: Content, size: number, signal?: AbortSignal) {
    this.#content = content;
    this.#size = size;
    this.#signal = signal;
  }

  async take(length: number): Promise<Uint8Array> {
    const from = this.offset;
    const to = Math.min(from + length, this.#size);
    const bytes = await collect(this.#content.open({ from, to, signal: this.#signal }), {
      limit: to - from,
      what: 'a range of a tar',
    });
    this.offset += bytes.byteLength;
    return bytes;
  }

  async skip(length: number): Promise<number> {
    const skipped = Math.min(length, this.#size - this.offset);
    this.offset += skipped;
    return skipped;
  }
}

/** Reads from a source that can be read only once. */
export class StreamCursor implements Cursor {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Returns at most `length` bytes of the source without copying them; undefined at the end. */
  async next(length: number): Promise<Uint8Array | undefined> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    return this.now(length);
  }

  /** Returns at most `length` bytes that are there without waiting; none if the next chunk has to come first. */
  now(length: number): Uint8Array {
    const chunk = this.#rest.subarray(0, Math.max(0, length));
    this.#rest = this.#rest.subarray(chunk.byteLength);
    this.offset += chunk.byteLength;
    return chunk;
  }

  async take(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const filled = await this.#forward(length, (chunk, at) => bytes.set(chunk, at));
    return bytes.subarray(0, filled);
  }

  skip(length: number): Promise<number> {
    return this.#forward(length);
  }

  /** Releases the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #forward(length: number, each?: (chunk: Uint8Array, at: number) => void): Promise<number> {
    let moved = 0;
    while (moved < length) {
      const chunk = await this.next(length - moved);
      if (chunk === undefined) break;
      each?.(chunk, moved);
      moved += chunk.byteLength;
    }
    return moved;
  }
}
