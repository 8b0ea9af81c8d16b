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
/** Bytes per second, in a second of waiting, below which a connection has become slow. Some servers only begin fast. */
const slowed = fast / 2;

export function isLarge(size: number | undefined): size is number {
  return size !== undefined && size >= largeSize;
}

/**
 * Yields a large blob in order, or a large rest of it. Requests its first part with a Range, which costs nothing: a registry that ignores it sends the
 * whole blob. If the registry honours it and the connection is slow, the rest comes in parts over several connections, otherwise
 * over the same one. A broken part continues by itself; after a refused part one connection brings the rest.
 */
export async function* largeBlob(
  source: DownloadSource,
  size: number,
  { from = 0, signal, offer }: Pick<OpenOptions, 'from' | 'signal' | 'offer'>,
): AsyncIterable<Uint8Array> {
  const next = from + partSize;
  const first = new Download(source, { from, to: next, signal, offer, ranges: 'offer' });
  const pace = new Pace(source.exchange.clock);
  let parts: RangeParts | undefined;
  const begin = (): void => {
    if (first.isRanged && first.at < size && !isLimited(source)) {
      parts ??= createRangeParts(source, { first, from: next, size, signal });
    }
  };
  try {
    for await (const chunk of pace.watched(first.bytes())) {
      // The other parts need not wait for the end of the first one.
      if (pace.waited >= fastPart) begin();
      yield chunk;
    }
    if (pace.isBelow(fast)) begin();
    let { at } = first;
    for await (const part of parts?.bytes() ?? []) {
      yield part;
      at += part.byteLength;
    }
    if (at >= size) return;
    if (parts === undefined) yield* handedOver(source, first, { bytes: first.rest(at), signal });
    else yield* first.rest(at);
  } finally {
    parts?.end();
  }
}

/** Returns whether the user's limit makes the connection slow, so that more connections bring no more. */
function isLimited({ exchange: { bandwidth } }: DownloadSource): boolean {
  return bandwidth?.received.isFull === true;
}

/** Yields a blob in order. Its answer tells its size. It is requested as a whole, since most blobs are small. */
export function blobOfUnknownSize(
  source: DownloadSource,
  { signal, onSize, offer }: Pick<OpenOptions, 'signal' | 'onSize' | 'offer'>,
): AsyncIterable<Uint8Array> {
  const first = new Download(source, { signal, onSize, offer });
  return handedOver(source, first, { bytes: first.bytes(), signal, isNew: true });
}

interface Handover extends SignalOptions {
  /** The bytes of the download from its current position. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Whether these are the first bytes of the connection. */
  readonly isNew?: boolean;
}

/**
 * Yields the bytes of a download to the end of the blob. If the connection turns out to be slow with much of the blob left, parts
 * begin after the next 2 MiB. They replace the connection there as soon as the registry sends them.
 */
async function* handedOver(
  source: DownloadSource,
  first: Download,
  { bytes, signal, isNew = false }: Handover,
): AsyncIterable<Uint8Array> {
  const { clock } = source.exchange;
  let pace = new Pace(clock);
  let limits = isNew ? { after: fastPart, below: fast } : { after: 1000, below: slowed };
  let parts: RangeParts | undefined;
  let from = 0;
  try {
    for await (const chunk of bytes) {
      pace.came(chunk.byteLength);
      const { at, size = at } = first;
      if (parts === undefined && pace.waited >= limits.after) {
        const isSlow = pace.isBelow(limits.below) && !isLimited(source);
        if (isSlow && size - at >= largeSize / 2 && isLarge(size)) {
          from = at + partSize;
          parts = createRangeParts(source, { first, from, size, signal });
        }
        limits = { after: 1000, below: slowed };
        pace = new Pace(clock);
      }
      const over = parts === undefined ? 0 : Math.max(0, at - from);
      if (over < chunk.byteLength) yield chunk.subarray(0, chunk.byteLength - over);
      if (parts !== undefined && at >= from) {
        if (await parts.isComing()) break;
        parts.end();
        parts = undefined;
        limits = { after: Number.POSITIVE_INFINITY, below: 0 };
        if (over > 0) yield chunk.subarray(-over);
      }
      pace.asks();
    }
    if (parts === undefined) return;
    for await (const part of parts.bytes()) {
      yield part;
      from += part.byteLength;
    }
    if (from < (first.size ?? from)) yield* first.rest(from);
  } finally {
    parts?.end();
  }
}

/** Measures the waits for bytes, without the time that the reader takes and without the wait for the answer. */
class Pace {
  /** Milliseconds. */
  waited = 0;
  #bytes = 0;
  #since: number | undefined;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock;
  }

  /** Returns whether fewer bytes per second have come. */
  isBelow(rate: number): boolean {
    return this.#bytes / (this.waited / 1000) < rate;
  }

  /** Notes that the reader asks for the next bytes. */
  asks(): void {
    this.#since = this.#clock.now();
  }

  came(bytes: number): void {
    if (this.#since === undefined) return;
    this.waited += this.#clock.now() - this.#since;
    this.#bytes += bytes;
  }

  async *watched(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of source) {
      this.came(chunk.byteLength);
      yield chunk;
      this.asks();
    }
  }
}
