import { expectFormat } from './damage.ts';

/** Bytes that follow the bits of a stream, so that each step can read four at once. */
export const slack = 8;

/**
 * Reads bits from the end of a stream to its beginning: the last byte has a marker above its first bit. The array has `slack`
 * bytes after the stream.
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-4.1
 */
export class BackwardBits {
  readonly #bytes: DataView;
  readonly #from: number;
  /** The number of bits that are left; negative when more were read than there are. */
  left: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    const last = bytes[to - 1] ?? 0;
    expectFormat(to > from && last !== 0, 'a stream of bits has no end marker');
    this.#bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#from = from;
    this.left = (to - from) * 8 - 1 - (Math.clz32(last) - 24);
  }

  /** Returns the next bits without using them up, at most 24. Bits before the beginning are 0. */
  peek(count: number): number {
    const at = this.left - count;
    if (at >= 0) {
      const word = this.#bytes.getUint32(this.#from + (at >>> 3), true);
      return (word >>> (at & 7)) & ((1 << count) - 1);
    }
    if (this.left <= 0) return 0;
    const word = this.#bytes.getUint32(this.#from, true);
    return (word & ((1 << this.left) - 1)) << -at;
  }

  /** Returns the next bits, at most 24. */
  read(count: number): number {
    const bits = this.peek(count);
    this.left -= count;
    return bits;
  }
}
