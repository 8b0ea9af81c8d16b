import { onAbort } from '../../flow/abort.ts';
import { type Content, mapContent } from '../../flow/content.ts';
import { sleep } from '../../flow/sleep.ts';
import { type Clock, systemClock } from '../../time/clock.ts';

/** Milliseconds between two questions for bytes while the request that sent them has no answer. */
const askEvery = 15_000;

export interface SilentAnswer<T> {
  /** Sends the content. The signal ends the request. */
  readonly put: (content: Content | undefined, signal: AbortSignal) => Promise<T>;
  readonly content: Content | undefined;
  /** Asks whether the registry has the bytes. */
  readonly find: (signal: AbortSignal) => Promise<unknown>;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a chunk, or closes an upload session. The answer can take minutes, since registries copy the whole blob first, and can be
 * lost on the way. So gantry asks for the bytes every 15 s after the last one has gone out. If the registry has them, the
 * request is done without its answer, and the result is undefined.
 */
export async function answeredOrThere<T>({
  put,
  content,
  find,
  clock,
  signal,
}: SilentAnswer<T>): Promise<T | undefined> {
  const end = new AbortController();
  const asking = new AbortController();
  const release = onAbort(signal, () => end.abort(signal?.reason));
  const sent = new AbortController();
  const told = content === undefined ? undefined : telling(content, () => sent.abort());
  if (told === undefined) sent.abort();
  const there = untilThere(sent.signal, { find, clock: clock ?? systemClock, signal: asking.signal });
  const answer = put(told, end.signal);
  // The race handles the failure, or has already ended.
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, there]);
  } finally {
    release();
    asking.abort();
    end.abort();
  }
}

/** Settles when the registry has the bytes, and otherwise never. */
async function untilThere(
  sent: AbortSignal,
  {
    find,
    clock,
    signal,
  }: { readonly clock: Clock; readonly signal: AbortSignal } & Pick<SilentAnswer<unknown>, 'find'>,
): Promise<undefined> {
  await new Promise<void>((resolve) => {
    onAbort(sent, resolve);
  });
  while (!signal.aborted) {
    try {
      await sleep(clock, askEvery, signal);
      if ((await find(signal)) !== undefined) return undefined;
    } catch {
      // A failed question says nothing about the bytes: the wait for the answer goes on.
    }
  }
  return new Promise(() => undefined);
}

/** Returns the same content, and calls `end` after its last byte. */
function telling(content: Content, end: () => void): Content {
  return mapContent(content, async function* tell(source) {
    yield* source;
    end();
  });
}
