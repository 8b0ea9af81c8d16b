import type { OpenOptions } from '../flow/content.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { Download, type DownloadSource } from './download.ts';
import { createRangeParts, partSize, type RangeParts } from './range-parts.ts';

const mebibyte = 1024 * 1024;
/** Bytes of the smallest large blob. One connection has read a smaller one before several would help. */
const largeSize = 32 * mebibyte;
/** Bytes per second of one connection above which the machine or its line is the limit, so more connections do not help. */
const fast = 50_000_000;
/** Milliseconds that a fast connection needs for a part. */
const fastPart = (partSize / fast) * 1000;

export function isLarge(size: number | undefined): size is number {
  return size !== undefined && size >= largeSize;
}

/**
 * Yields a large blob in order. Requests its first part with a Range, which costs nothing: a registry that ignores it sends the
 * whole blob. If the registry honours it and the connection is slow, the rest comes in parts over several connections, otherwise
 * over the same one. A broken part continues by itself; after a refused part one connection brings the rest.
 */
export async function* largeBlob(
  source: DownloadSource,
  size: number,
  { signal }: SignalOptions,
): AsyncIterable<Uint8Array> {
  const first = new Download(source, { to: partSize, signal, ranges: 'offer' });
  const pace = new Pace(source.exchange.clock ?? systemClock);
  let parts: RangeParts | undefined;
  const begin = (): void => {
    if (first.isRanged && first.at < size) {
      parts ??= createRangeParts(source, { first, from: partSize, size, signal });
    }
  };
  try {
    for await (const chunk of pace.watched(first.bytes())) {
      // The other parts need not wait for the end of the first one.
      if (pace.waited >= fastPart) begin();
      yield chunk;
    }
    if (pace.isSlow()) begin();
    let { at } = first;
    for await (const part of parts?.bytes() ?? []) {
      yield part;
      at += part.byteLength;
    }
    if (at < size) yield* first.rest(at);
  } finally {
    parts?.end();
  }
}

/**
 * Yields a blob in order whose size its answer tells. It is requested as a whole, since most blobs are small. If it is large and the
 * connection is slow, parts begin after the next 2 MiB, and replace the connection there as soon as the registry sends them.
 */
export async function* blobOfUnknownSize(
  source: DownloadSource,
  { signal, onSize }: Pick<OpenOptions, 'signal' | 'onSize'>,
): AsyncIterable<Uint8Array> {
  const first = new Download(source, { signal, onSize });
  const pace = new Pace(source.exchange.clock ?? systemClock);
  let parts: RangeParts | undefined;
  let from = Number.POSITIVE_INFINITY;
  try {
    for await (const chunk of pace.watched(first.bytes())) {
      const { at, size } = first;
      if (
        from === Number.POSITIVE_INFINITY &&
        pace.waited >= fastPart &&
        isLarge(size) &&
        at + partSize < size
      ) {
        from = at + partSize;
        parts = createRangeParts(source, { first, from, size, signal });
      }
      const over = parts === undefined ? 0 : Math.max(0, at - from);
      if (over < chunk.byteLength) yield chunk.subarray(0, chunk.byteLength - over);
      if (parts === undefined || at < from) continue;
      if (await parts.isComing()) break;
      parts.end();
      parts = undefined;
      if (over > 0) yield chunk.subarray(-over);
    }
    let at = parts === undefined ? first.at : from;
    for await (const part of parts?.bytes() ?? []) {
      yield part;
      at += part.byteLength;
    }
    if (parts !== undefined && at < (first.size ?? at)) yield* first.rest(at);
  } finally {
    parts?.end();
  }
}

/** Measures the waits for bytes, without the time that the reader takes and without the wait for the answer. */
class Pace {
  /** Milliseconds. */
  waited = 0;
  #bytes = 0;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  isSlow(): boolean {
    return this.#bytes / (this.waited / 1000) < fast;
  }

  async *watched(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    let since: number | undefined;
    for await (const chunk of source) {
      if (since !== undefined) {
        this.waited += this.#clock.now() - since;
        this.#bytes += chunk.byteLength;
      }
      yield chunk;
      since = this.#clock.now();
    }
  }
}
