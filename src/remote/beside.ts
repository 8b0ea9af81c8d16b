import { type Clock, systemClock } from '../time/clock.ts';

/** An answer while it is read. */
export interface Reading {
  /** Settles when the answer has begun. */
  readonly begun: Promise<unknown>;
  next(): Promise<Next>;
  /** Gives the answer up, also in the middle of a wait. */
  end(): void;
}

type Next = IteratorResult<Uint8Array>;

/** Milliseconds of silence before a second request goes out beside the answer. It costs one round trip. */
const silence = 10_000;

/** Lets the owner of a reading ask for a second one beside it, because the first one is slow. */
export class Rush {
  /** Bytes that have arrived twice. */
  repeated = 0;
  #act: (() => void) | undefined;

  /** Returns false if the reading does not wait for bytes, or if two readings run already. */
  ask(): boolean {
    const act = this.#act;
    act?.();
    return act !== undefined;
  }

  /** Calls `act` when the owner asks. The returned function ends that. */
  listen(act: () => void): () => void {
    this.#act = act;
    return () => {
      if (this.#act === act) this.#act = undefined;
    };
  }
}

/** A reading with the next bytes on their way. */
interface Started {
  readonly reading: Reading;
  readonly awaited: Promise<Next>;
}

interface BesideOptions {
  readonly clock?: Clock | undefined;
  readonly rush?: Rush | undefined;
}

/**
 * Yields the bytes of a reading. When it stands still, begins a second one beside it, from the first missing byte, and continues
 * with the first of both to bring bytes, so that a slow one is never cut. When the owner asks because the reading is slow, the
 * second one has to overtake the first. Ends when `begin` returns undefined, since all bytes have arrived then and only the end
 * of the answer is missing.
 */
export async function* readBeside(
  begin: () => Reading | undefined,
  { clock = systemClock, rush = new Rush() }: BesideOptions = {},
): AsyncIterable<Uint8Array> {
  const only = begin();
  const readings = new Set(only === undefined ? [] : [only]);
  try {
    let started = only && start(only);
    while (started !== undefined) {
      const { reading, awaited } = started;
      const next = await unlessSlow(started, clock, rush);
      if (typeof next === 'object') {
        if (next.done === true) return;
        yield next.value;
        started = start(reading);
        continue;
      }
      // The reading may fail after it was given up, and no caller needs that failure.
      awaited.catch(() => undefined);
      const second = begin();
      if (second === undefined) return;
      readings.add(second);
      started =
        next === 'silent'
          ? await firstToBring(started, start(second))
          : yield* firstAhead(started, start(second), rush);
      for (const other of readings) if (other !== started.reading) other.end();
    }
  } finally {
    for (const reading of readings) reading.end();
  }
}

function start(reading: Reading): Started {
  return { reading, awaited: reading.next() };
}

/**
 * Resolves with the bytes, or with the reason for a second reading; the bytes may still arrive. The silence before the answer
 * does not count: the line sends such a request again by itself.
 */
function unlessSlow(
  { reading, awaited }: Started,
  clock: Clock,
  rush: Rush,
): Promise<Next | 'silent' | 'slow'> {
  return new Promise((resolve, reject) => {
    let cancel: (() => void) | undefined;
    let isOver = false;
    const end = (): void => {
      isOver = true;
      cancel?.();
      release();
    };
    const release = rush.listen(() => {
      end();
      resolve('slow');
    });
    const begun = (): void => {
      if (isOver) return;
      cancel = clock.after(silence, () => {
        end();
        resolve('silent');
      });
    };
    // The failure of the answer is the failure of its bytes, too.
    reading.begun.then(begun, () => undefined);
    awaited.then(resolve, reject).finally(end);
  });
}

/** Resolves with the first reading to bring bytes. If both fail, rejects with the error of the first one. */
async function firstToBring(first: Started, second: Started): Promise<Started> {
  const bytesOfSecond = second.awaited.then((next) => {
    if (next.done === true) throw new Error('the second reading brought no bytes');
    return second;
  });
  try {
    return await Promise.any([first.awaited.then(() => first), bytesOfSecond]);
  } catch {
    return first;
  }
}

/**
 * Yields the bytes of two readings from the same position, each byte once. Returns the second one when it is ahead, and the first
 * one when it ends or the second one fails.
 */
async function* firstAhead(one: Started, two: Started, rush: Rush): AsyncGenerator<Uint8Array, Started> {
  let [first, second]: [Started | undefined, Started] = [one, two];
  // Bytes that each has brought.
  let [ahead, came] = [0, 0];
  for (;;) {
    if (first !== undefined && (await settlesFirst(first, second))) {
      const next = await resultOf(first);
      if (next?.done === true) return first;
      if (next !== undefined) {
        ahead += next.value.byteLength;
        yield next.value;
      }
      first = next && start(first.reading);
      continue;
    }
    const next = await (first === undefined ? second.awaited : resultOf(second));
    if (next === undefined || next.done === true) {
      rush.repeated += came;
      return first ?? second;
    }
    came += next.value.byteLength;
    if (came > ahead) {
      rush.repeated += ahead;
      const value = next.value.subarray(ahead - came);
      return { reading: second.reading, awaited: Promise.resolve({ done: false, value }) };
    }
    second = start(second.reading);
  }
}

/** Resolves with whether the first reading settles before the second one. */
function settlesFirst(first: Started, second: Started): Promise<boolean> {
  const settled = ({ awaited }: Started, isFirst: boolean): Promise<boolean> =>
    awaited.then(
      () => isFirst,
      () => isFirst,
    );
  return Promise.race([settled(first, true), settled(second, false)]);
}

/** Resolves with undefined for a failure. */
function resultOf({ awaited }: Started): Promise<Next | undefined> {
  return awaited.catch(() => undefined);
}
