import { Column } from './columns.ts';

/** A set of small whole numbers, with one bit for each. */
export class Bits {
  readonly #words = new Column();

  has(at: number): boolean {
    return (this.#words.get(at >>> 5) & (1 << (at & 31))) !== 0;
  }

  add(at: number): void {
    this.#words.set(at >>> 5, (this.#words.get(at >>> 5) | (1 << (at & 31))) >>> 0);
  }
}
