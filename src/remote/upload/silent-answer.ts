import { enclosed } from '../../flow/abort.ts';
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
export function answeredOrThere<T>({
  put,
  content,
  find,
  clock = systemClock,
  signal,
}: SilentAnswer<T>): Promise<T | undefined> {
  return enclosed(
    signal,
    (whole) =>
      new Promise((resolve, reject) => {
        let isSent = false;
        const ask = (): void => {
          if (isSent) return;
          isSent = true;
          void isFound({ find, clock, signal: whole }).then((isThere) => {
            if (isThere) resolve(undefined);
          });
        };
        const told = content === undefined ? undefined : telling(content, ask);
        if (told === undefined) ask();
        put(told, whole).then(resolve, reject);
      }),
  );
}

/** Asks until the registry has the bytes. Resolves with false if the signal aborts before that. */
async function isFound({
  find,
  clock,
  signal,
}: { readonly clock: Clock; readonly signal: AbortSignal } & Pick<
  SilentAnswer<unknown>,
  'find'
>): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await sleep(clock, askEvery, signal);
      if ((await find(signal)) !== undefined) return true;
    } catch {
      // A failed question says nothing about the bytes: the wait for the answer goes on.
    }
  }
  return false;
}

/** Returns the same content, and calls `end` after its last byte. */
function telling(content: Content, end: () => void): Content {
  return mapContent(content, async function* tell(source) {
    yield* source;
    end();
  });
}
