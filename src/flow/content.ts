import { InputError } from '../errors.ts';
import { amount, checkArgument, checkOptions, bytes as isBytes, iterable } from '../spec/options.ts';

/**
 * Bytes that are read lazily and from any position. Only `open` has a cost, so a mounted blob is never opened and a
 * retry opens again.
 * A chunk is valid until the next one is requested. A source may reuse its buffers, so a sink that keeps bytes must
 * copy them.
 */
export interface Content {
  /** The number of bytes, if known. */
  readonly size?: number | undefined;
  /** True if `open` may be called more than once and with `from` and `to`. */
  readonly replayable: boolean;
  /** True if the first byte takes a network round trip, so that reading ahead is worthwhile. */
  readonly remote?: boolean | undefined;
  /** The same bytes without verification, for a reader that verifies all of them itself. */
  readonly unverified?: Content | undefined;
  /** Opens the content. Iterating throws the errors of the place behind it (BLOB_UNKNOWN, CUT_OFF, …). */
  open(options?: OpenOptions): AsyncIterable<Uint8Array>;
}

/** Selects the part to read. */
export interface OpenOptions {
  /**
   * The position of the first byte.
   * @defaultValue 0
   */
  readonly from?: number | undefined;
  /**
   * The position after the last byte.
   * @defaultValue the end
   */
  readonly to?: number | undefined;
  /** Aborts the reading with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called before the first byte with the size of the whole content, if that becomes known only now. */
  readonly onSize?: ((size: number) => void) | undefined;
  /**
   * Called with the number of bytes that an intermediate place has stored so far, if it stores the whole before passing
   * on the first byte.
   */
  readonly onKept?: ((bytes: number) => void) | undefined;
  /**
   * Offers memory for the next chunk, which saves the reader a copy: memory that nothing else uses, or undefined if there
   * is none. A source that reads from a socket may place a chunk there, or leave the offer unused. The reader offers
   * memory again only after it has received a later chunk.
   */
  readonly offer?: (() => Uint8Array | undefined) | undefined;
}

/** Makes content of bytes in memory. */
export function bytesContent(bytes: Uint8Array): Content {
  checkArgument('bytesContent', 'bytes', bytes, isBytes);
  return {
    size: bytes.byteLength,
    replayable: true,
    async *open({ from = 0, to = bytes.byteLength, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      signal?.throwIfAborted();
      if (from < to) yield bytes.subarray(from, to);
    },
  };
}

const ended: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/** No bytes, such as the body of an answer to HEAD. One for all, so that a step can leave them as they are. */
export const noBytes: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ended }),
};

/** Content without bytes. */
export const emptyContent: Content = bytesContent(new Uint8Array(0));

/**
 * Makes content of a source that can be read only once: a pipe, a generator, the body of a request.
 * @throws INVALID_OPTION when it is opened twice or in part
 */
export function streamContent(
  source: AsyncIterable<Uint8Array>,
  options: { readonly size?: number | undefined } = {},
): Content {
  checkArgument('streamContent', 'source', source, iterable);
  checkOptions('streamContent', options, { size: amount });
  const { size } = options;
  let opened = false;
  return {
    size,
    replayable: false,
    open({ from = 0, to, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      if (opened || from !== 0 || to !== undefined) {
        throw new InputError(
          'INVALID_OPTION',
          'this source can be read only once and from its start: make it replayable, or open it once',
        );
      }
      opened = true;
      return signal === undefined ? source : abortable(source, signal);
    },
  };
}

/** Returns the part of `content` from `from` up to but not including `to`. */
export function sliceContent(content: Content, from: number, to: number): Content {
  return {
    size: to - from,
    replayable: content.replayable,
    open({ from: start = 0, to: end = to - from, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      return content.open({ signal, from: from + start, to: Math.min(from + end, to) });
    },
  };
}

/** Passes each opening through `pipe`, such as a check or a counter. */
export function mapContent(
  content: Content,
  pipe: (source: AsyncIterable<Uint8Array>, options: OpenOptions) => AsyncIterable<Uint8Array>,
): Content {
  return {
    size: content.size,
    replayable: content.replayable,
    remote: content.remote,
    unverified: content.unverified && mapContent(content.unverified, pipe),
    open: (options: OpenOptions = {}) => pipe(content.open(options), options),
  };
}

/** Selects a part of a source that is not seekable, reading and discarding the bytes before it. */
export async function* sliced(
  source: AsyncIterable<Uint8Array>,
  { from = 0, to = Number.POSITIVE_INFINITY }: Pick<OpenOptions, 'from' | 'to'>,
): AsyncIterable<Uint8Array> {
  let at = 0;
  for await (const chunk of source) {
    const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (part.byteLength > 0) yield part;
    at += chunk.byteLength;
    // Requests the end of the source too, since a verifying source fails there.
    if (at > to) return;
  }
}

async function* abortable(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  signal.throwIfAborted();
  for await (const chunk of source) {
    yield chunk;
    signal.throwIfAborted();
  }
}
