import { type Content, mapContent } from '../flow/content.ts';
import { createPace, type Pace } from '../flow/pace.ts';
import type { Clock } from '../time/clock.ts';
import type { Middleware } from '../wire/message.ts';

/** A limit for the bodies of requests, and one for the bodies of answers. */
export interface Bandwidth {
  readonly sent: Pace;
  readonly received: Pace;
}

/** Makes a limit of this many bytes per second in each direction. */
export function createBandwidth(rate: number, clock?: Clock): Bandwidth {
  return { sent: createPace(rate, clock), received: createPace(rate, clock) };
}

/** Bytes of a small body: manifests, tokens. */
const smallBody = 64 * 1024;

/**
 * Limits the bytes of bodies in both directions. Its place is before all timeouts, which then count no time in which bytes
 * wait for their turn. A small body waits before its request, because the second request of http/hedge would go out beside a
 * first one that only waits.
 */
export function limitBandwidth({ sent, received }: Bandwidth): Middleware {
  return (next) => async (request) => {
    const { body, signal } = request;
    const isSmall = (body?.size ?? Number.POSITIVE_INFINITY) <= smallBody;
    if (isSmall) await takeAll(sent, body?.size ?? 0, signal);
    const limited = body === undefined || isSmall ? request : { ...request, body: paced(body, sent) };
    const response = await next(limited);
    return { ...response, body: pacedAnswer(response.body, received, signal) };
  };
}

async function takeAll(pace: Pace, bytes: number, signal: AbortSignal | undefined): Promise<void> {
  for (let left = bytes; left > 0; left -= pace.piece) await pace.take(Math.min(left, pace.piece), signal);
}

function paced(content: Content, pace: Pace): Content {
  return mapContent(content, async function* (source, { signal }) {
    for await (const chunk of source) {
      for (const piece of piecesOf(chunk, pace.piece)) {
        await pace.take(piece.byteLength, signal);
        yield piece;
      }
    }
  });
}

/** Returns the content in pieces of this size at most. */
export function inSmallPieces(content: Content, size: number): Content {
  return mapContent(content, async function* (source) {
    for await (const chunk of source) yield* piecesOf(chunk, size);
  });
}

function* piecesOf(chunk: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < chunk.byteLength; at += size) yield chunk.subarray(at, at + size);
}

/** Passes the end of the reading on at once, also before the first byte. */
function pacedAnswer(
  body: AsyncIterable<Uint8Array>,
  pace: Pace,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let rest: Uint8Array | undefined;
  const iterator: AsyncIterableIterator<Uint8Array, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      while (rest === undefined || rest.byteLength === 0) {
        const next = await chunks.next();
        if (next.done === true) return { done: true, value: undefined };
        rest = next.value;
      }
      const piece = rest.subarray(0, pace.piece);
      rest = rest.subarray(piece.byteLength);
      await pace.take(piece.byteLength, signal);
      return { done: false, value: piece };
    },
    async return() {
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}
