import { needless, onAbort } from '../flow/abort.ts';
import { type Content, noBytes } from '../flow/content.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import type { TimeoutOptions } from './timeout.ts';

/**
 * The part of the answer timeout after which a second request is sent beside the silent one: by default 10 s (reads
 * and tokens) and 15 s (upload starts, manifests and deletions) of 60 s.
 */
const readPart = 1 / 6;
const startPart = 1 / 4;
/** Bytes: a manifest has no more, and both requests send it. */
const smallBody = 4 * 1024 * 1024;

/**
 * Sends a request a second time, over another connection, when its answer is silent for long: a read, a token request, the
 * start of an upload, the put of a manifest, or a deletion. The first answer is taken, and the other request is given up. The silent request is
 * not aborted before that, so a slow answer is still taken. A request with `onLate` waits for the other answer, too: both
 * requests may have started an upload session.
 */
export function hedge({ answer = 60_000, clock = systemClock }: TimeoutOptions = {}): Middleware {
  return (next) => (request) => {
    const part = partOf(request);
    return part === undefined ? next(request) : firstOfTwo(next, request, { clock, after: answer * part });
  };
}

function partOf({ method, body, replay }: HttpRequest): number | undefined {
  if (body !== undefined && (replay === 'never' || !isSmall(body))) return undefined;
  // A read changes nothing: with `never` its sender only decides itself about attempts one after the other.
  if (method === 'GET' || method === 'HEAD') return readPart;
  if (isRepeatableWrite(method)) return replay === 'safe' ? startPart : undefined;
  // A POST with a body asks for a token; one without starts an upload session or mounts a blob.
  if (method === 'POST') return body === undefined ? startPart : readPart;
  return undefined;
}

function isSmall({ replayable, size = Infinity }: Content): boolean {
  return replayable && size <= smallBody;
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
    let isTwice = false;
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
      next({ ...request, signal: abort.signal, abort }).then(
        (response) => {
          sent.delete(abort);
          if (isSettled && request.onLate !== undefined && !abort.signal.aborted) {
            release();
            request.onLate(response);
            return;
          }
          if (isSettled || (isSecond && isWorse(request, response))) {
            abort.abort(needless);
            release();
            if (failure !== undefined && sent.size === 0) settle(() => reject(failure?.error));
            return;
          }
          settle(() => {
            if (request.onLate === undefined) for (const other of sent) other.abort(needless);
            const released = releasing(response, release);
            resolve(isTwice ? { ...released, repeated: true } : released);
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
    const cancel = clock.after(after, () => {
      isTwice = true;
      send(true);
    });
    send(false);
  });
}

/**
 * Returns whether the first request may still bring a better answer: after 429 and a server error, and for a write or a token
 * request after any refusal, since the first request may be under way there, or may have used the refresh token up. A
 * deletion that finds nothing is as good as done.
 */
function isWorse({ method, body }: HttpRequest, { status }: HttpResponse): boolean {
  if (method === 'DELETE' && status === 404) return false;
  return status === 429 || status >= (isRepeatableWrite(method) || body !== undefined ? 400 : 500);
}

function isRepeatableWrite(method: string): boolean {
  return method === 'PUT' || method === 'DELETE';
}

/** Calls `release` when the body has been read, at once if it has no bytes. */
function releasing(response: HttpResponse, release: () => void): HttpResponse {
  if (response.body === noBytes) {
    release();
    return response;
  }
  const chunks = response.body[Symbol.asyncIterator]();
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
  return { ...response, body: iterator };
}
