import { onAbort } from '../flow/abort.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import type { TimeoutOptions } from './timeout.ts';

/**
 * The part of the answer timeout after which a second request is sent beside the silent one: by default 10 s (reads)
 * and 15 s (upload starts) of 60 s.
 */
const readPart = 1 / 6;
const startPart = 1 / 4;

/**
 * Sends a read or the start of an upload a second time, on another connection, when its answer stays away for long. The
 * first answer is taken and the other request is aborted. The silent request is not aborted before that, so an answer
 * that is only slow still counts. If both requests started an upload session, the registry cleans up the unused one.
 */
export function hedge({ answer = 60_000, clock = systemClock }: TimeoutOptions = {}): Middleware {
  return (next) => (request) => {
    const part = partOf(request);
    return part === undefined ? next(request) : firstOfTwo(next, request, { clock, after: answer * part });
  };
}

function partOf({ method, body, replay }: HttpRequest): number | undefined {
  if (body !== undefined) return undefined;
  if (method === 'GET' || method === 'HEAD') return replay === 'safe' ? readPart : undefined;
  // A POST without a body starts an upload session or mounts a blob.
  return method === 'POST' ? startPart : undefined;
}

interface Patience {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly after: number;
}

function firstOfTwo(next: Send, request: HttpRequest, { clock, after }: Patience): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const sent = new Set<AbortController>();
    let isSettled = false;
    let failure: { readonly error: unknown } | undefined;
    const settle = (act: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      cancel();
      act();
    };
    const send = (isSecond: boolean): void => {
      const abort = new AbortController();
      sent.add(abort);
      // The listener stays until the answer has been read.
      const release = onAbort(request.signal, () => abort.abort(request.signal?.reason));
      next({ ...request, signal: abort.signal }).then(
        (response) => {
          sent.delete(abort);
          if (isSettled || (isSecond && isWorse(response))) {
            abort.abort();
            release();
            if (failure !== undefined && sent.size === 0) settle(() => reject(failure?.error));
            return;
          }
          settle(() => {
            for (const other of sent) other.abort();
            resolve({ ...response, body: releasing(response.body, release) });
          });
        },
        (error: unknown) => {
          sent.delete(abort);
          release();
          // A failure of the second request says nothing about the first one.
          if (!isSecond) failure = { error };
          if (sent.size === 0) settle(() => reject(failure === undefined ? error : failure.error));
        },
      );
    };
    const cancel = clock.after(after, () => send(true));
    send(false);
  });
}

/** Returns whether the status is 429 or a server error. The first request may still bring a better answer. */
function isWorse({ status }: HttpResponse): boolean {
  return status === 429 || status >= 500;
}

function releasing(body: AsyncIterable<Uint8Array>, release: () => void): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const iterator: AsyncIterableIterator<Uint8Array, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      let isOver = true;
      try {
        const next = await chunks.next();
        isOver = next.done === true;
        return next.done === true ? { done: true, value: undefined } : next;
      } finally {
        if (isOver) release();
      }
    },
    async return() {
      release();
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}
