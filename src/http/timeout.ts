import { TransportError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { type Content, mapContent, noBytes } from '../flow/content.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { targetOf } from '../wire/target-uri.ts';

/** Timeouts for silent or slow servers. */
export interface TimeoutOptions {
  /**
   * Milliseconds to wait for the answer once the request is sent, unless the request itself allows more.
   * @defaultValue 60000
   */
  readonly answer?: number | undefined;
  /**
   * Milliseconds that a body may stand still in either direction. Within this time an answer's body must also bring 1
   * KiB or its end.
   * @defaultValue 60000
   */
  readonly progress?: number | undefined;
  /**
   * The clock for both timeouts.
   * @defaultValue the system's clock
   */
  readonly clock?: Clock | undefined;
}

/** Bytes that must arrive within the progress timeout. A slower body only keeps the connection open. */
const leastProgress = 1024;
/** Milliseconds for the whole body of an error answer: its status is the main information. */
const refusalWithin = 10_000;

/**
 * Ends every silence of the server: rejects with TIMED_OUT when the answer does not arrive, and with STALLED when a
 * body stands still or drips. Limits neither the total time of a transfer that makes progress, nor the time between two
 * chunks that the body's source or the reader takes.
 */
export function timeout({
  answer = 60_000,
  progress = 60_000,
  clock = systemClock,
}: TimeoutOptions = {}): Middleware {
  return (next) => async (request) => {
    const { host } = targetOf(request);
    const watch = createWatch(clock, request);
    const within = Math.max(request.answerWithin ?? 0, answer);
    const expectAnswer = (): void =>
      watch.expect(
        within,
        () => new TransportError('TIMED_OUT', `${host} did not answer within ${within / 1000} s`),
      );
    const expectProgress = (): void =>
      watch.expect(
        progress,
        () =>
          new TransportError(
            'STALLED',
            `${host} stopped reading the request: no bytes moved for ${progress / 1000} s`,
          ),
      );

    if (request.body === undefined) expectAnswer();
    else expectProgress();
    const body = request.body && watchedSource(request.body, { watch, clock, expectAnswer, expectProgress });
    try {
      const asked = next({ ...request, body, signal: watch.signal });
      const response = await watch.whileHeeded(asked, ({ body: late }) => void dismiss(late));
      if (response.body === noBytes) {
        watch.end();
        return response;
      }
      watch.answered();
      return { ...response, body: watchedAnswer(response, { watch, clock, progress, host }) };
    } catch (error) {
      watch.end();
      throw error;
    }
  };
}

/**
 * The timer of one request; only one timer runs at a time. A timeout aborts `signal`, and so does the caller's signal
 * `outer`. After the end of the request no timer is set any more: a stopped source may still yield its last chunk.
 */
interface Watch {
  readonly signal: AbortSignal;
  expect(milliseconds: number, error: () => TransportError): void;
  /**
   * Resolves with the result of `work`. If a sender ignores the aborted signal for a second, rejects without waiting
   * further; a result that arrives later is passed to `tooLate`.
   */
  whileHeeded<T>(work: Promise<T>, tooLate: (result: T) => void): Promise<T>;
  /** Stops the timer while nothing is expected from the server. */
  rest(): void;
  /** Marks the request as finished. */
  end(): void;
  /** Marks the request as answered. From then on its own body no longer sets the timer. */
  answered(): void;
  isAnswered(): boolean;
}

function createWatch(clock: Clock, { signal: outer, abort = new AbortController() }: HttpRequest): Watch {
  const { signal } = abort;
  let cancel: (() => void) | undefined;
  let answered = false;
  let over = false;
  const rest = (): void => cancel?.();
  // AbortSignal.any takes longer than all other work on a request outside Node.
  const release = onAbort(signal === outer ? undefined : outer, () => abort.abort(outer?.reason));
  return {
    signal,
    expect(milliseconds, error) {
      rest();
      if (!over) cancel = clock.after(milliseconds, () => abort.abort(error()));
    },
    whileHeeded: (work, tooLate) => whileHeeded(work, { clock, signal, tooLate }),
    rest,
    end() {
      over = true;
      rest();
      release();
    },
    answered() {
      answered = true;
      rest();
    },
    isAnswered: () => answered,
  };
}

/** Milliseconds that a sender has to end after its signal aborts. */
const grace = 1000;

function whileHeeded<T>(
  work: Promise<T>,
  {
    clock,
    signal,
    tooLate,
  }: { readonly clock: Clock; readonly signal: AbortSignal; readonly tooLate: (result: T) => void },
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLeft = false;
    let cancel: (() => void) | undefined;
    const release = onAbort(signal, () => {
      cancel = clock.after(grace, () => {
        isLeft = true;
        reject(signal.reason);
      });
    });
    const settle = (): void => {
      release();
      cancel?.();
    };
    work.then(
      (result) => {
        settle();
        if (isLeft) tooLate(result);
        else resolve(result);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}

/** Cancels the body of an answer that arrived too late. */
async function dismiss(body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await body[Symbol.asyncIterator]().return?.();
  } catch {
    // The body is not needed, so its failure does not matter.
  }
}

interface Watched {
  readonly watch: Watch;
  readonly clock: Clock;
  readonly expectAnswer: () => void;
  readonly expectProgress: () => void;
}

interface WatchedAnswer {
  readonly watch: Watch;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly progress: number;
  readonly host: string;
}

/** Bytes of the smallest piece of a chunk, for servers that take less than a chunk within the progress timeout. */
const leastPiece = 64 * 1024;
/** Milliseconds. A server that takes a piece in this time gets twice as much at once. */
const soon = 1000;

/** A piece that is taken is progress, and a chunk of a file has 1 MiB: a slow server gets it in pieces. */
function watchedSource(content: Content, { watch, clock, expectAnswer, expectProgress }: Watched): Content {
  return mapContent(content, async function* (source) {
    let most = leastPiece;
    watch.rest();
    for await (const chunk of source) {
      for (let rest = chunk; rest.byteLength > 0; ) {
        const piece = rest.byteLength > most ? rest.subarray(0, most) : rest;
        rest = rest.subarray(piece.byteLength);
        const since = clock.now();
        if (!watch.isAnswered()) expectProgress();
        yield piece;
        if (!watch.isAnswered()) watch.rest();
        if (clock.now() - since > soon) most = leastPiece;
        else if (piece.byteLength === most) most *= 2;
      }
    }
    if (!watch.isAnswered()) expectAnswer();
  });
}

function watchedAnswer(
  { status, body }: HttpResponse,
  { watch, clock, progress, host }: WatchedAnswer,
): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const isRefusal = status >= 400;
  const within = isRefusal ? Math.min(progress, refusalWithin) : progress;
  // Counted since the last progress: milliseconds spent waiting for the server, and bytes received.
  let waited = 0;
  let came = 0;
  const stalled = (): TransportError => {
    const moved = came === 0 ? 'no bytes' : `only ${came} bytes`;
    return new TransportError('STALLED', `${host} stopped sending: ${moved} moved for ${within / 1000} s`);
  };
  const iterator: AsyncIterableIterator<Uint8Array, undefined> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      watch.expect(Math.max(0, within - waited), stalled);
      const since = clock.now();
      let isOver = true;
      try {
        const next = await watch.whileHeeded(chunks.next(), () => undefined);
        isOver = next.done === true;
        if (next.done === true) return { done: true, value: undefined };
        came += next.value.byteLength;
        // A clock that was set back must not shorten the time already waited.
        waited += Math.max(0, clock.now() - since);
        if (came >= leastProgress && !isRefusal) waited = came = 0;
        return next;
      } finally {
        if (isOver) watch.end();
        else watch.rest();
      }
    },
    async return() {
      watch.end();
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}
