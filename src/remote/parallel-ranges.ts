import type { SignalOptions } from '../store/contract.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { Download, type DownloadPart, type DownloadSource } from './download.ts';

const mebibyte = 1024 * 1024;
/** Bytes of a part: two round trips of 50 ms at 20 MB/s. Parts are small, because each waits in memory for its turn. */
const partSize = 2 * mebibyte;
/** Bytes of the smallest large blob. One connection has read a smaller one before several would help. */
const largeSize = 32 * mebibyte;
/** Bytes per second of one connection above which the machine or its line is the limit, so more connections do not help. */
const fast = 50_000_000;

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
  const watch = { clock: source.exchange.download.retry?.clock ?? systemClock, waited: 0, bytes: 0 };
  yield* watched(first.bytes(), watch);
  let at = first.at;
  if (at < size && watch.bytes / (watch.waited / 1000) < fast) {
    for await (const part of inParts(source, { at, size, signal, entityTag: first.entityTag })) {
      yield part;
      at += part.byteLength;
    }
  }
  if (at < size) yield* first.rest(at);
}

/** Measures the waits for bytes, without the time that the reader takes and without the wait for the answer. */
async function* watched(
  source: AsyncIterable<Uint8Array>,
  watch: { readonly clock: Pick<Clock, 'now'>; waited: number; bytes: number },
): AsyncIterable<Uint8Array> {
  let since: number | undefined;
  for await (const chunk of source) {
    if (since !== undefined) {
      watch.waited += watch.clock.now() - since;
      watch.bytes += chunk.byteLength;
    }
    yield chunk;
    since = watch.clock.now();
  }
}

interface Rest extends SignalOptions {
  readonly at: number;
  readonly size: number;
  readonly entityTag: string | undefined;
}

interface Part {
  readonly bytes: Promise<Uint8Array>;
  /** Returns the place of the part among those of the process, if it has one. */
  readonly leave: () => void;
}

/** Yields the parts from `at` on, in order. Ends early if the registry does not send a part. */
async function* inParts(
  source: DownloadSource,
  { at, size, signal, entityTag }: Rest,
): AsyncIterable<Uint8Array> {
  const end = new AbortController();
  const whole = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  const parts: Part[] = [];
  const spare: Uint8Array[] = [];
  let asked = at;
  const { parts: places } = source.exchange.resources;
  const askMore = (): void => {
    while (asked < size) {
      const hasPlace = parts.length > 0 && places.take();
      if (parts.length > 0 && !hasPlace) return;
      const to = Math.min(asked + partSize, size);
      const bytes = readPart(source, {
        from: asked,
        to,
        entityTag,
        signal: whole,
        buffer: spare.pop() ?? new Uint8Array(partSize),
      });
      // The reader sees the failure when it waits for this part.
      bytes.catch(() => undefined);
      const leave = (): void => {
        if (hasPlace) places.leave();
      };
      parts.push({ bytes, leave });
      asked = to;
    }
  };
  try {
    for (askMore(); parts[0] !== undefined; askMore()) {
      const bytes = await parts[0].bytes.catch(() => undefined);
      signal?.throwIfAborted();
      if (bytes === undefined) return;
      yield bytes;
      spare.push(new Uint8Array(bytes.buffer));
      parts.shift()?.leave();
    }
  } finally {
    end.abort();
    for (const { leave } of parts) leave();
  }
}

/** Reads a part into the buffer. Rejects with UNEXPECTED_ANSWER if the registry sends something else. */
async function readPart(
  source: DownloadSource,
  {
    buffer,
    from,
    to,
    ...options
  }: DownloadPart & Record<'from' | 'to', number> & { readonly buffer: Uint8Array },
): Promise<Uint8Array> {
  const bytes = buffer.subarray(0, to - from);
  let filled = 0;
  for await (const chunk of new Download(source, { from, to, ...options, ranges: 'strict' }).bytes()) {
    bytes.set(chunk, filled);
    filled += chunk.byteLength;
  }
  return bytes;
}
