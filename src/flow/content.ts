import { InputError } from '../errors.ts';

/**
 * Bytes that can be read, lazily and from any place: opening is what costs, so a mounted blob is never opened
 * and a retry is another open.
 *
 * A yielded chunk is valid until the next one is asked for: a source may reuse its buffers, and a sink that keeps
 * bytes copies them.
 */
export interface Content {
  /** Bytes in all, where known. */
  readonly size?: number;
  /** Whether `open` may be called again, and with `from` and `to`. */
  readonly replayable: boolean;
  /** Whether the first byte takes a round trip, which is worth beginning while another is under way. */
  readonly distant?: boolean;
  /** The same without a check of what is read, for who checks all of it anyway. */
  readonly unchecked?: Content;
  /** Fails, when read, with whatever the place behind it throws (BLOB_UNKNOWN, CUT_OFF, ...). */
  open(options?: OpenOptions): AsyncIterable<Uint8Array>;
}

export interface OpenOptions {
  /** First byte, default 0. */
  readonly from?: number;
  /** One past the last byte, default the end. */
  readonly to?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told before the first byte how many there are in all, where that comes with them and was not known before. */
  readonly onSize?: ((size: number) => void) | undefined;
  /** Told how many bytes of it there are so far at a place on the way, where all of it is kept before the first is handed on. */
  readonly onKept?: ((bytes: number) => void) | undefined;
}

/** Bytes that are already here. */
export function bytesContent(bytes: Uint8Array): Content {
  return {
    size: bytes.byteLength,
    replayable: true,
    async *open({ from = 0, to = bytes.byteLength, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      signal?.throwIfAborted();
      if (from < to) yield bytes.subarray(from, to);
    },
  };
}

export const emptyContent: Content = bytesContent(new Uint8Array(0));

/** A source that can be read once: a pipe, a generator, a request's body. Opening it twice throws INVALID_OPTION. */
export function streamContent(
  source: AsyncIterable<Uint8Array>,
  { size }: { readonly size?: number } = {},
): Content {
  let opened = false;
  return {
    ...(size === undefined ? {} : { size }),
    replayable: false,
    open({ from = 0, to, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      if (opened || from !== 0 || to !== undefined) {
        throw new InputError('INVALID_OPTION', 'a one-shot source can be read only once and from its start');
      }
      opened = true;
      return signal === undefined ? source : abortable(source, signal);
    },
  };
}

/** The bytes of `content` from `from` up to, not including, `to`. */
export function sliceContent(content: Content, from: number, to: number): Content {
  return {
    size: to - from,
    replayable: content.replayable,
    open({ from: start = 0, to: end = to - from, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      return content.open({ signal, from: from + start, to: Math.min(from + end, to) });
    },
  };
}

/** The same bytes, each opening passed through `pipe`: a check, a counter. */
export function mapContent(
  content: Content,
  pipe: (source: AsyncIterable<Uint8Array>, options: OpenOptions) => AsyncIterable<Uint8Array>,
): Content {
  return {
    ...(content.size === undefined ? {} : { size: content.size }),
    replayable: content.replayable,
    ...(content.distant === undefined ? {} : { distant: content.distant }),
    ...(content.unchecked === undefined ? {} : { unchecked: mapContent(content.unchecked, pipe) }),
    open: (options: OpenOptions = {}) => pipe(content.open(options), options),
  };
}

/** The same part of a source that can't seek: what comes before is read and dropped. */
export async function* sliced(
  source: AsyncIterable<Uint8Array>,
  { from = 0, to = Number.POSITIVE_INFINITY }: Pick<OpenOptions, 'from' | 'to'>,
): AsyncIterable<Uint8Array> {
  let at = 0;
  for await (const chunk of source) {
    const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (part.byteLength > 0) yield part;
    at += chunk.byteLength;
    // The end itself is still asked for: that is where a check speaks up.
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
