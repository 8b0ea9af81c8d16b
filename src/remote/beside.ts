import { type Clock, systemClock } from '../time/clock.ts';

/** An answer while it is read. */
export interface Reading {
  /** Settles when the answer has begun. */
  readonly begun: Promise<unknown>;
  next(): Promise<IteratorResult<Uint8Array>>;
  /** Gives the answer up, also in the middle of a wait. */
  end(): void;
}

type Next = IteratorResult<Uint8Array> | undefined;

/** Milliseconds of silence before a second request goes out beside the answer. It costs one round trip. */
const silence = 10_000;

/**
 * Yields the bytes of a reading. When it stands still, begins a second one beside it, from the first missing byte, and continues
 * with the first of both to bring bytes, so that a slow one is never cut. Ends when `begin` returns undefined, since all bytes
 * have arrived then and only the end of the answer is missing.
 */
export async function* readBeside(
  begin: () => Reading | undefined,
  clock: Clock = systemClock,
): AsyncIterable<Uint8Array> {
  const only = begin();
  const readings = only === undefined ? [] : [only];
  try {
    await readings[0]?.begun;
    for (;;) {
      const [current] = readings;
      if (current === undefined) return;
      const awaited = current.next();
      let next = await unlessSilent(awaited, clock);
      if (next === undefined) {
        // The reading may fail after it was given up, and no caller needs that failure.
        awaited.catch(() => undefined);
        const second = begin();
        if (second === undefined) return;
        readings.push(second);
        const first = await firstToBring(awaited, second.next());
        readings.splice(first.isSecond ? 0 : 1, 1)[0]?.end();
        next = first.next;
      }
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    for (const reading of readings) reading.end();
  }
}

/** Resolves with undefined if the bytes have not arrived in time; they may still arrive. */
function unlessSilent(awaited: Promise<IteratorResult<Uint8Array>>, clock: Clock): Promise<Next> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(silence, () => resolve(undefined));
    awaited.then(resolve, reject).finally(cancel);
  });
}

interface First {
  readonly next: IteratorResult<Uint8Array>;
  readonly isSecond: boolean;
}

/** Resolves with the first reading to bring bytes. If both fail, rejects with the error of the first one. */
async function firstToBring(
  first: Promise<IteratorResult<Uint8Array>>,
  second: Promise<IteratorResult<Uint8Array>>,
): Promise<First> {
  const bytesOfSecond = second.then((next) => {
    if (next.done === true) throw new Error('the second reading brought no bytes');
    return { next, isSecond: true };
  });
  try {
    return await Promise.any([first.then((next) => ({ next, isSecond: false })), bytesOfSecond]);
  } catch {
    return { next: await first, isSecond: false };
  }
}
