import { StreamCursor } from '../tar/cursor.ts';
import { cutOff } from '../tar/entry.ts';
import { withHoles } from '../tar/sparse.ts';
import type { StoredHeader } from './header-store.ts';

/** Opens the uncompressed tar of a layer. */
export type OpenLayer = (layer: number) => AsyncIterable<Uint8Array>;

/** The tar that is read at the moment. */
interface OpenedLayer {
  readonly layer: number;
  readonly cursor: StreamCursor;
}

/**
 * Reads layers again for the bodies of some of their entries, in their order. The places of the bodies are known, so no header
 * is read. Each layer is opened at most once, and read to its end, because a verified source reports another digest only there.
 */
export class LayerBodies {
  readonly #open: OpenLayer;
  readonly #nameOf: (layer: number) => string;
  #opened: OpenedLayer | undefined;

  /** `nameOf` names a layer in errors. */
  constructor(open: OpenLayer, nameOf: (layer: number) => string = (layer) => `layer ${layer}`) {
    this.#open = open;
    this.#nameOf = nameOf;
  }

  /** The layer that is open. */
  get layer(): number | undefined {
    return this.#opened?.layer;
  }

  /** Opens a layer, if it is not open. Reads the one before to its end. */
  async openLayer(layer: number): Promise<void> {
    if (this.#opened?.layer === layer) return;
    await this.finish();
    this.#opened = { layer, cursor: new StreamCursor(this.#open(layer)) };
  }

  /** Moves towards the body of an entry without waiting. Returns whether it is reached. */
  moveNow({ offset }: StoredHeader): boolean {
    const { cursor } = this.#current();
    cursor.now(offset - cursor.offset);
    return cursor.offset >= offset;
  }

  /** Moves to the body of an entry of the open layer. */
  async moveTo({ offset }: StoredHeader): Promise<void> {
    const { cursor, layer } = this.#current();
    const left = offset - cursor.offset;
    if (left > 0 && (await cursor.skip(left)) < left) throw cutOff(this.#nameOf(layer), cursor.offset);
  }

  /** Yields the body of an entry of the open layer, with its holes. */
  async *body(header: StoredHeader): AsyncIterable<Uint8Array> {
    await this.moveTo(header);
    const { sparse, stored } = header;
    yield* sparse === undefined
      ? this.#next(stored)
      : withHoles(this.#next(stored), sparse, this.#nameOf(this.#current().layer));
  }

  /** Returns the bytes from here on that are there without waiting, at most `length`. */
  now(length: number): Uint8Array {
    return this.#current().cursor.now(length);
  }

  /** Returns the next bytes, at most `length`. */
  async wait(length: number): Promise<Uint8Array> {
    const { cursor, layer } = this.#current();
    const chunk = await cursor.next(length);
    if (chunk === undefined) throw cutOff(this.#nameOf(layer), cursor.offset);
    return chunk;
  }

  /** Reads the rest of the open layer. */
  async finish(): Promise<void> {
    const cursor = this.#opened?.cursor;
    if (cursor === undefined) return;
    while ((await cursor.next(Number.POSITIVE_INFINITY)) !== undefined);
    await this.close();
  }

  /** Releases the open layer. */
  async close(): Promise<void> {
    const cursor = this.#opened?.cursor;
    this.#opened = undefined;
    await cursor?.close();
  }

  #current(): OpenedLayer {
    if (this.#opened === undefined) throw new RangeError('no layer is open');
    return this.#opened;
  }

  async *#next(length: number): AsyncIterable<Uint8Array> {
    for (let left = length; left > 0; ) {
      const chunk = await this.wait(left);
      left -= chunk.byteLength;
      yield chunk;
    }
  }
}
