import type { OpenOptions } from '../flow/content.ts';
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
 * Yields a blob in order that is or may be large. Requests its first part with a Range, which costs nothing: a registry that
 * ignores it sends the whole blob. If the registry honours it, the blob is large and the connection is slow, the rest comes in
 * parts over several connections, otherwise over the same one. A broken part continues by itself; after a refused part one
 * connection brings the rest.
 */
export async function* largeBlob(
  source: DownloadSource,
  { signal, onSize }: Pick<OpenOptions, 'signal' | 'onSize'>,
): AsyncIterable<Uint8Array> {
  const first = new Download(source, { to: partSize, signal, ranges: 'offer', onSize });
  const pace = new Pace(source.exchange.clock ?? systemClock);
  let parts: RangeParts | undefined;
  const begin = (): void => {
    const { size } = first;
    if (parts !== undefined || !isLarge(size) || !first.isRanged || first.at >= size) return;
    parts = createRangeParts(source, { first, size, signal });
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
    if (at < (first.size ?? at)) yield* first.rest(at);
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
