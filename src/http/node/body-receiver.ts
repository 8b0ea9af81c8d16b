import { TransportError } from '../../errors.ts';
import { onAbort } from '../../flow/abort.ts';
import type { OpenOptions } from '../../flow/content.ts';
import { MalformedAnswer } from '../failure.ts';
import type { Framing } from './body-framing.ts';
import { type ChunkedDecoder, createChunkedDecoder } from './chunked-body.ts';
import type { Connection, Receiver } from './connection.ts';

interface Receiving {
  readonly connection: Connection;
  readonly framing: Framing;
  /** The bytes that came with the head. */
  readonly rest: Uint8Array;
  /** The name of the server for errors. */
  readonly host: string;
  readonly signal: AbortSignal | undefined;
  /** Hands the connection over to the next request. Undefined if it cannot serve one. */
  readonly keep: (() => void) | undefined;
  /** Memory for the bytes that are still to come. */
  readonly offer: OpenOptions['offer'];
}

/** A body of this size that came with its head is copied, so that its connection is free at once. Bytes. */
const worthCopying = 32 * 1024;

type Next = IteratorResult<Uint8Array, undefined>;

const done: Next = { done: true, value: undefined };

/**
 * Yields the bytes of an answer as they arrive. A chunk is valid until the reader asks for the next one. Ending the
 * iteration early, even before the first chunk, closes the connection, unless all bytes have arrived. Throws CUT_OFF
 * when the connection ends before the body, and the signal's reason when the signal aborts.
 */
export class ResponseBody implements AsyncIterableIterator<Uint8Array, undefined>, Receiver {
  readonly #connection: Connection;
  readonly #host: string;
  readonly #signal: AbortSignal | undefined;
  readonly #release: () => void;
  readonly #decoder: ChunkedDecoder | undefined;
  #keep: (() => void) | undefined;
  /** Bytes that are still to come; Infinity if the framing does not say. */
  #left: number;
  /** Bytes that have arrived and that nobody has read. */
  #unread: Uint8Array | undefined;
  #isOver = false;
  #failure: unknown;
  #waiting: { resolve(next: Next): void; reject(error: unknown): void } | undefined;

  constructor({ connection, framing, rest, host, signal, keep, offer }: Receiving) {
    this.#connection = connection;
    this.#host = host;
    this.#signal = signal;
    this.#keep = keep;
    this.#decoder = framing.kind === 'chunked' ? createChunkedDecoder() : undefined;
    this.#left = framing.kind === 'length' ? framing.length : Infinity;
    const isHere = rest.byteLength >= this.#left && this.#left <= worthCopying;
    // Not slice(), which is a view in Node's Buffer.
    this.#unread = isHere ? new Uint8Array(rest.subarray(0, this.#left)) : rest;
    if (isHere) {
      this.#release = () => undefined;
      if (rest.byteLength > this.#left) this.#keep = undefined;
      this.#letGo();
      return;
    }
    connection.receive(this);
    if (Number.isFinite(this.#left)) connection.expect(this.#left - rest.byteLength, offer);
    this.#release = onAbort(signal, () => this.#fail(signal?.reason));
  }

  /** Whether the body needs its connection no longer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Called by the connection, which then waits until the bytes have been read. */
  bytes(chunk: Uint8Array): boolean {
    this.#unread = chunk;
    const waiting = this.#waiting;
    if (waiting === undefined) return false;
    this.#waiting = undefined;
    try {
      const next = this.#take();
      if (next !== undefined) {
        waiting.resolve(next);
        return this.#isOver;
      }
    } catch (error) {
      waiting.reject(error);
      return true;
    }
    this.#waiting = waiting;
    return true;
  }

  /** Called by the connection at its end, when all bytes that have arrived are read. */
  end(error?: Error): void {
    if (this.#isOver) return;
    if (error === undefined && this.#decoder === undefined && this.#left === Infinity) this.#finish();
    else this.#fail(error ?? new Error('the connection ended'));
  }

  async next(): Promise<Next> {
    if (this.#failure !== undefined) throw this.#thrown();
    if (this.#unread !== undefined) this.#signal?.throwIfAborted();
    const next = this.#take();
    if (next !== undefined) return next;
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#connection.resume();
    });
  }

  async return(): Promise<Next> {
    if (!this.#isOver && this.#failure === undefined && this.#left > 0) this.#keep = undefined;
    this.#finish();
    return done;
  }

  /** Returns the next bytes, the end of the body, or undefined if neither has arrived. */
  #take(): Next | undefined {
    if (this.#isOver && this.#unread === undefined) return done;
    while (this.#unread !== undefined && this.#unread.byteLength > 0) {
      const value =
        this.#decoder === undefined ? this.#plain(this.#unread) : this.#decoded(this.#unread, this.#decoder);
      if (value.byteLength > 0) return { done: false, value };
    }
    this.#unread = undefined;
    if (this.#left > 0 && !this.#isOver) return undefined;
    this.#finish();
    return done;
  }

  #plain(bytes: Uint8Array): Uint8Array {
    const value = bytes.subarray(0, this.#left);
    // Bytes after the end belong to no request.
    if (value.byteLength < bytes.byteLength) this.#keep = undefined;
    this.#left -= value.byteLength;
    this.#unread = undefined;
    return value;
  }

  #decoded(bytes: Uint8Array, decoder: ChunkedDecoder): Uint8Array {
    try {
      const { data, used } = decoder.decode(bytes);
      this.#unread = bytes.subarray(used);
      if (decoder.isDone) {
        if (used < bytes.byteLength) this.#keep = undefined;
        this.#unread = undefined;
        this.#left = 0;
      }
      return data;
    } catch (error) {
      this.#fail(error);
      throw this.#thrown();
    }
  }

  #finish(): void {
    this.#unread = undefined;
    this.#letGo();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(done);
  }

  /** The body needs its connection no longer. */
  #letGo(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#release?.();
    if (this.#keep === undefined) this.#connection.destroy();
    else this.#keep();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unread = undefined;
    this.#failure = error ?? new Error('the connection failed');
    this.#release?.();
    this.#connection.destroy();
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#thrown());
  }

  #thrown(): unknown {
    if (this.#signal?.aborted) return this.#signal.reason;
    const cause = this.#failure;
    const what =
      cause instanceof MalformedAnswer
        ? `sent a malformed body: ${cause.message}`
        : 'closed the connection in the middle of its answer';
    return new TransportError('CUT_OFF', `${this.#host} ${what}`, { cause });
  }
}
