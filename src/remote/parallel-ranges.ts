import type { SignalOptions } from '../store/contract.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { Download, type DownloadPart, type Source } from './download.ts';

const mebibyte = 1024 * 1024;
/** Bytes of a part: two round trips of 50 ms at 20 MB/s. It is kept in memory until its turn comes: so many small ones. */
const partSize = 2 * mebibyte;
/** Where one connection is done before more of them would have helped. */
const largeSize = 32 * mebibyte;
/** Bytes a second of one connection from which on it is the machine or its line that is the limit, and more are no help. */
const fast = 50_000_000;

/** Parts that are under way or wait for their turn in the whole process, beside the next one of each blob. */
const most = 7;
let ahead = 0;

export function isLarge(size: number | undefined): size is number {
  return size !== undefined && size >= largeSize;
}

/**
 * A large blob in order. Its first part is asked for with a Range, which costs nothing where that is not honoured: then all
 * of it comes. Where it is, and the connection is slow, the rest comes in parts over several; else over the one. A part
 * that breaks off goes on by itself; one that can't be had that way ends the parts, and one connection brings the rest.
 */
export async function* largeBlob(
  source: Source,
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

/** How many milliseconds are waited for how many bytes: not for who reads, and not for the answer to begin. */
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
  /** Gives its place back, if it has one. */
  readonly leave: () => void;
}

/** The parts from `at` on, in order; fewer where one can't be had as a part. */
async function* inParts(source: Source, { at, size, signal, entityTag }: Rest): AsyncIterable<Uint8Array> {
  const end = new AbortController();
  const whole = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  const parts: Part[] = [];
  const spare: Uint8Array[] = [];
  let asked = at;
  const askMore = (): void => {
    while (asked < size && (parts.length === 0 || ahead < most)) {
      const place = parts.length > 0 ? 1 : 0;
      ahead += place;
      const to = Math.min(asked + partSize, size);
      const bytes = readPart(source, {
        from: asked,
        to,
        entityTag,
        signal: whole,
        buffer: spare.pop() ?? new Uint8Array(partSize),
      });
      // Told in its turn.
      bytes.catch(() => undefined);
      const leave = (): void => {
        ahead -= place;
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

/** The bytes of a part in the buffer. Rejects with UNEXPECTED_ANSWER where the registry sends something else. */
async function readPart(
  source: Source,
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
