import { type Clock, systemClock } from '../time/clock.ts';

/** An answer that is being read. */
export interface Reading {
  /** Settles when the answer has begun. */
  readonly begun: Promise<unknown>;
  next(): Promise<IteratorResult<Uint8Array>>;
  /** Lets it go, whatever it is waiting for. */
  end(): void;
}

type Next = IteratorResult<Uint8Array> | undefined;

/** Milliseconds that an answer may stand still before another is asked for beside it: a round trip is all that this costs. */
const silence = 10_000;

/**
 * The bytes of a reading. Where it stands still, another one is begun beside it, from the first byte that has not come, and
 * the first of both that brings bytes is gone on with: one that is only slow is never cut. Where `begin` has nothing left to
 * ask for, it ends: all has come but the end of the answer.
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
        // Its failure, when it is let go, is nobody's.
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

/** `undefined`: it has not come in time, and is still on its way. */
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

/** The failure of one counts only when the other has failed, too; then it is the first one's that is told. */
async function firstToBring(
  first: Promise<IteratorResult<Uint8Array>>,
  second: Promise<IteratorResult<Uint8Array>>,
): Promise<First> {
  const bytesOfSecond = second.then((next) => {
    if (next.done === true) throw new Error('it brought nothing');
    return { next, isSecond: true };
  });
  try {
    return await Promise.any([first.then((next) => ({ next, isSecond: false })), bytesOfSecond]);
  } catch {
    return { next: await first, isSecond: false };
  }
}
