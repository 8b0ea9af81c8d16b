import { decodeText, encodeText } from '../tar/text.ts';
import type { Bytes } from './bytes.ts';

/** Writes values one after the other into memory that each header uses again. */
export class ByteWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  reset(): void {
    this.#length = 0;
  }

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.byteLength) this.#make(1);
    this.#bytes[this.#length++] = value;
  }

  /** Writes a whole number from 0 to 2^53 in seven bits for each byte. */
  number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.byte(0x80 | (rest % 0x80));
      rest = Math.floor(rest / 0x80);
    }
    this.byte(rest);
  }

  bytes(value: Uint8Array): void {
    this.number(value.byteLength);
    this.#make(value.byteLength);
    this.#bytes.set(value, this.#length);
    this.#length += value.byteLength;
  }

  text(value: string): void {
    this.bytes(encodeText(value));
  }

  pairs(pairs: readonly (readonly [string, Uint8Array])[]): void {
    this.number(pairs.length);
    for (const [key, value] of pairs) {
      this.text(key);
      this.bytes(value);
    }
  }

  #make(room: number): void {
    if (this.#length + room <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(this.#bytes.byteLength * 2, this.#length + room));
    larger.set(this.written());
    this.#bytes = larger;
  }
}

/** Reads the bytes of a `ByteWriter`. */
export class ByteReader {
  readonly #block: Uint8Array;
  #at: number;

  constructor(bytes: Bytes, position: number) {
    this.#block = bytes.blockOf(position);
    this.#at = bytes.indexOf(position);
  }

  byte(): number {
    return this.#block[this.#at++] ?? 0;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** Returns a copy, since an attribute must not keep its whole block. */
  bytes(): Uint8Array {
    const length = this.number();
    this.#at += length;
    return this.#block.slice(this.#at - length, this.#at);
  }

  text(): string {
    return decodeText(this.bytes());
  }

  pairs(): readonly (readonly [string, Uint8Array])[] {
    return Array.from({ length: this.number() }, () => [this.text(), this.bytes()] as const);
  }
}
