import { onAbort } from '../../flow/abort.ts';
import { type Content, mapContent } from '../../flow/content.ts';
import { sleep } from '../../flow/sleep.ts';
import { type Clock, systemClock } from '../../time/clock.ts';

/** Milliseconds between questions for a blob whose commit has had no answer yet. */
const askEvery = 15_000;

export interface Closing<T> {
  /** The request that closes the session; `signal` ends it. */
  readonly put: (content: Content | undefined, signal: AbortSignal) => Promise<T>;
  readonly content: Content | undefined;
  /** Asks whether the blob is there. */
  readonly find: (signal: AbortSignal) => Promise<unknown>;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Closes an upload session. Its answer can take minutes, since registries copy the whole blob before they give it, and can
 * be lost on the way. So from the time that all bytes are out the blob is asked for every 15 s; when it is there, the commit
 * has been done whatever becomes of its answer. Undefined where that is how it was found out.
 */
export async function closed<T>({ put, content, find, clock, signal }: Closing<T>): Promise<T | undefined> {
  const end = new AbortController();
  const asking = new AbortController();
  const release = onAbort(signal, () => end.abort(signal?.reason));
  const sent = new AbortController();
  const told = content === undefined ? undefined : telling(content, () => sent.abort());
  if (told === undefined) sent.abort();
  const there = untilThere(sent.signal, { find, clock: clock ?? systemClock, signal: asking.signal });
  const answer = put(told, end.signal);
  // Judged by the race, or of no interest any more.
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, there]);
  } finally {
    release();
    asking.abort();
    end.abort();
  }
}

/** Settles when the blob is there, and never where it is not. */
async function untilThere(
  sent: AbortSignal,
  {
    find,
    clock,
    signal,
  }: { readonly clock: Clock; readonly signal: AbortSignal } & Pick<Closing<unknown>, 'find'>,
): Promise<undefined> {
  await new Promise<void>((resolve) => {
    onAbort(sent, resolve);
  });
  while (!signal.aborted) {
    try {
      await sleep(clock, askEvery, signal);
      if ((await find(signal)) !== undefined) return undefined;
    } catch {
      // No answer is no news: the commit is waited for as before.
    }
  }
  return new Promise(() => undefined);
}

/** The same content, telling when its last byte was taken. */
function telling(content: Content, end: () => void): Content {
  return mapContent(content, async function* tell(source) {
    yield* source;
    end();
  });
}
