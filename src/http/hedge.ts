import { onAbort } from '../flow/abort.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import type { TimeoutOptions } from './timeout.ts';

/** The part of the time for an answer after which a request is asked again beside the silent one: 10 s and 15 s of 60 s. */
const readPart = 1 / 6;
const startPart = 1 / 4;

/**
 * Asks again, over another connection, where the answer to a read is silent for long, and where that to the start of an
 * upload is: the first answer is taken, and the other request is given up. The silent one is not cut before, so an answer
 * that is only slow is still taken. A session that both started is left to the registry's clean-up.
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
  // Without a body it starts an upload, or mounts a blob.
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
      // Goes on as long as the answer is read.
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
          // The failure of the second one says nothing of the first.
          if (!isSecond) failure = { error };
          if (sent.size === 0) settle(() => reject(failure === undefined ? error : failure.error));
        },
      );
    };
    const cancel = clock.after(after, () => send(true));
    send(false);
  });
}

/** Too many requests, or a failure of the registry: the first one may still bring better. */
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
