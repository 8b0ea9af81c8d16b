import { TransportError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { type Content, mapContent } from '../flow/content.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpResponse, Middleware } from '../wire/message.ts';
import { parseTarget } from './target.ts';

export interface TimeoutOptions {
  /** Milliseconds that the answer may take once the request is sent, unless it says itself that it needs more. Default 60 s. */
  readonly answer?: number;
  /** Milliseconds that a body may stand still, either way, and in which an answer brings 1 KiB or its end. Default 60 s. */
  readonly progress?: number;
  readonly clock?: Clock;
}

/** Bytes. A body of which fewer come in the time that it may stand still is kept open, and not sent. */
const leastProgress = 1024;
/** Milliseconds that the whole body of a refusal may take: its status is the news. */
const refusalWithin = 10_000;

/**
 * Ends every silence of the far side: TIMED_OUT when the answer doesn't come, STALLED when a body stands still or drips.
 * Nothing limits how long an exchange takes that goes on, nor how long a body's source or reader thinks between two chunks.
 */
export function timeout({
  answer = 60_000,
  progress = 60_000,
  clock = systemClock,
}: TimeoutOptions = {}): Middleware {
  return (next) => async (request) => {
    const { host } = parseTarget(request.url);
    const watch = createWatch(clock, request.signal);
    const within = Math.max(request.answerWithin ?? 0, answer);
    const expectAnswer = (): void =>
      watch.expect(
        within,
        () => new TransportError('TIMED_OUT', `${host} gave no answer within ${within / 1000} s`),
      );
    const expectProgress = (): void =>
      watch.expect(
        progress,
        () =>
          new TransportError(
            'STALLED',
            `${host} stopped taking the request: nothing moved for ${progress / 1000} s`,
          ),
      );

    if (request.body === undefined) expectAnswer();
    else expectProgress();
    const body = request.body && watchedSource(request.body, { watch, expectAnswer, expectProgress });
    try {
      const asked = next({ ...request, ...(body === undefined ? {} : { body }), signal: watch.signal });
      const response = await watch.whileHeeded(asked, ({ body: late }) => void dismiss(late));
      watch.answered();
      return { ...response, body: watchedAnswer(response, { watch, clock, progress, host }) };
    } catch (error) {
      watch.end();
      throw error;
    }
  };
}

/**
 * One timer at a time over one exchange, whose signal it aborts; `outer` does, too. After the end of the exchange nothing
 * sets a timer any more: a source that was stopped may still bring its last chunk.
 */
interface Watch {
  readonly signal: AbortSignal;
  expect(milliseconds: number, error: () => TransportError): void;
  /**
   * The work's result. A sender that goes on in spite of its signal is left behind after a second, and the result that
   * comes after all is given to `tooLate`.
   */
  whileHeeded<T>(work: Promise<T>, tooLate: (result: T) => void): Promise<T>;
  /** Nothing is expected of the far side for now. */
  rest(): void;
  /** The exchange is over. */
  end(): void;
  /** From here on the request's own body no longer moves the timer. */
  answered(): void;
  isAnswered(): boolean;
}

function createWatch(clock: Clock, outer: AbortSignal | undefined): Watch {
  const abort = new AbortController();
  let cancel: (() => void) | undefined;
  let answered = false;
  let over = false;
  const rest = (): void => cancel?.();
  // AbortSignal.any costs more than all the rest of a request that is not Node's.
  const release = onAbort(outer, () => abort.abort(outer?.reason));
  return {
    signal: abort.signal,
    expect(milliseconds, error) {
      rest();
      if (!over) cancel = clock.after(milliseconds, () => abort.abort(error()));
    },
    whileHeeded: (work, tooLate) => whileHeeded(work, { clock, signal: abort.signal, tooLate }),
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

/** Milliseconds that a sender gets to end when its signal aborts. */
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

/** Lets an answer go that nobody waits for any more. */
async function dismiss(body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await body[Symbol.asyncIterator]().return?.();
  } catch {
    // It is of no use in any case.
  }
}

interface Watched {
  readonly watch: Watch;
  readonly expectProgress: () => void;
}

interface WatchedAnswer {
  readonly watch: Watch;
  readonly clock: Clock;
  /** Milliseconds. */
  readonly progress: number;
  readonly host: string;
}

function watchedSource(
  content: Content,
  { watch, expectAnswer, expectProgress }: Watched & { readonly expectAnswer: () => void },
): Content {
  return mapContent(content, async function* (source) {
    watch.rest();
    for await (const chunk of source) {
      if (!watch.isAnswered()) expectProgress();
      yield chunk;
      if (!watch.isAnswered()) watch.rest();
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
  // Since there was progress: milliseconds that the far side was waited for, and bytes that came.
  let waited = 0;
  let came = 0;
  const stalled = (): TransportError => {
    const moved = came === 0 ? 'nothing' : `no more than ${came} bytes`;
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
        // A clock that was set back has not made anybody wait less.
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
