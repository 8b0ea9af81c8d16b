/** Numbers in one piece of a column. A column grows by pieces, so growth copies nothing, and a piece without numbers takes no memory. */
const pieceBits = 12;
const pieceSize = 2 ** pieceBits;
const inPiece = pieceSize - 1;

/** Numbers from 0 to 2^32 - 1 by index, 4 bytes for each. A number that was not set is 0. */
export class Column {
  readonly #pieces: (Uint32Array | undefined)[] = [];

  get(at: number): number {
    return this.#pieces[at >>> pieceBits]?.[at & inPiece] ?? 0;
  }

  set(at: number, value: number): void {
    const index = at >>> pieceBits;
    while (this.#pieces.length <= index) this.#pieces.push(undefined);
    const piece = this.#pieces[index] ?? new Uint32Array(pieceSize);
    this.#pieces[index] = piece;
    piece[at & inPiece] = value;
  }
}
