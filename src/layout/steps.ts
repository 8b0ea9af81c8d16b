import { areScarce, returnBuffer, shortPart, takeBuffer } from './buffers.ts';

/** Takes bytes in pieces of any size and stores them in large steps: some are stored while the next one comes in. */
export interface Steps {
  /** Throws what storing an earlier step has thrown; nothing more is stored then. */
  take(chunk: Uint8Array): Promise<void>;
  /** Stores what is left, and waits for it. */
  end(): Promise<void>;
}

/** Steps in all, that which fills and those which are stored or wait for it: a disk pauses at times, the sender need not. */
const depth = 3;
/** Where many share the memory: one fills while one is stored. */
const least = 2;

/**
 * `size`: bytes in all, where known. `store` is called in order, for one step after the other, with memory that is its own
 * until it is done, and may be another thread's, too.
 */
export function createSteps(size: number | undefined, store: (bytes: Uint8Array) => Promise<void>): Steps {
  const short = size !== undefined && size <= shortPart;
  const lent: Buffer[] = [];
  const free: Buffer[] = [];
  const lend = (): Buffer => {
    const taken = takeBuffer('shared');
    lent.push(taken);
    return taken;
  };
  /** The steps that are not stored yet, the oldest first. */
  const storing: Promise<void>[] = [];
  let stored: Promise<void> = Promise.resolve();
  let buffer: Buffer | undefined = short ? Buffer.allocUnsafe(size || 1) : undefined;
  let filled = 0;

  const flush = async (): Promise<void> => {
    const full = buffer;
    if (full === undefined) return;
    const bytes = full.subarray(0, filled);
    [buffer, filled] = [undefined, 0];
    stored = stored.then(async () => {
      await store(bytes);
      free.push(full);
      void storing.shift();
    });
    // Told to whoever waits for it.
    stored.catch(() => undefined);
    storing.push(stored);
    if (storing.length >= (areScarce() ? least : depth)) await storing[0];
  };

  return {
    async take(chunk) {
      for (let at = 0; at < chunk.byteLength; ) {
        buffer ??= free.pop() ?? lend();
        const part = chunk.subarray(at, at + buffer.byteLength - filled);
        // Node's own copy: into memory that is shared, set() goes word by word and takes four times as long.
        buffer.fill(part, filled, filled + part.byteLength);
        filled += part.byteLength;
        at += part.byteLength;
        if (filled === buffer.byteLength) await flush();
      }
    },
    async end() {
      try {
        await flush();
        await stored;
      } finally {
        for (const taken of lent) returnBuffer(taken, { reusable: true });
      }
    },
  };
}
