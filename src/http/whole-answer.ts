import { TransportError } from '../errors.ts';
import { needless, onAbort } from '../flow/abort.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import type { HttpResponse } from '../wire/message.ts';

/** Milliseconds. A second request for a small answer costs one round trip. */
const silence = 10_000;

/** One of at most two requests for the same answer. */
export interface Attempt {
  /** Aborts when the other request has brought the answer. */
  readonly signal: AbortSignal;
  /** Returns the response with a body that reports its silence. */
  readonly watch: (response: HttpResponse) => HttpResponse;
}

interface WholeAnswerOptions {
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a small answer to its end. When its body is silent for 10 s, a second attempt begins beside the first one, and the first
 * complete answer counts. A slow body is never cut. When both attempts fail, rejects with the error that came first.
 */
export function wholeAnswer<T>(
  attempt: (attempt: Attempt) => Promise<T>,
  { clock = systemClock, signal: outer }: WholeAnswerOptions = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    const running = new Set<AbortController>();
    let begun = 0;
    let failure: { readonly error: unknown } | undefined;
    const begin = (): void => {
      begun++;
      const end = new AbortController();
      running.add(end);
      const release = onAbort(outer, () => end.abort(outer?.reason));
      const onSilence = (): void => {
        if (begun === 1 && running.size === 1) begin();
      };
      const watch = (response: HttpResponse): HttpResponse => ({
        ...response,
        body: watched(response.body, clock, onSilence),
      });
      const settle = (): void => {
        running.delete(end);
        release();
      };
      attempt({ signal: end.signal, watch }).then(
        (value) => {
          settle();
          for (const other of running) other.abort(needless);
          resolve(value);
        },
        (error: unknown) => {
          settle();
          failure ??= { error };
          if (running.size === 0) reject(failure.error);
        },
      );
    };
    begin();
  });
}

/** The body fails with STALLED after 10 s of silence, for a reader that can ask for the rest. */
export function impatient(
  response: HttpResponse,
  { clock = systemClock, host }: { readonly clock?: Clock | undefined; readonly host: string },
): HttpResponse {
  const fail = (reject: (error: unknown) => void): void => {
    reject(new TransportError('STALLED', `${host} stopped sending: nothing moved for ${silence / 1000} s`));
  };
  return { ...response, body: ended(response.body, clock, fail) };
}

async function* watched(
  body: AsyncIterable<Uint8Array>,
  clock: Clock,
  onSilence: () => void,
): AsyncIterable<Uint8Array> {
  let cancel = clock.after(silence, onSilence);
  try {
    for await (const chunk of body) {
      cancel();
      yield chunk;
      cancel = clock.after(silence, onSilence);
    }
  } finally {
    cancel();
  }
}

async function* ended(
  body: AsyncIterable<Uint8Array>,
  clock: Clock,
  fail: (reject: (error: unknown) => void) => void,
): AsyncIterable<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  let isOver = false;
  try {
    while (!isOver) {
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        const cancel = clock.after(silence, () => fail(reject));
        chunks.next().then(resolve, reject).finally(cancel);
      });
      isOver = next.done === true;
      if (next.done !== true) yield next.value;
    }
  } finally {
    // Not awaited: the silent body may never answer.
    if (!isOver) chunks.return?.().catch(() => undefined);
  }
}
