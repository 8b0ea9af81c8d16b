import { type Buffers, shortPart } from './buffers.ts';

/** Collects bytes of any size and stores them in large steps. Some steps are stored while the next one fills. */
export interface WriteBuffer {
  /** Throws the error of an earlier step; nothing more is stored then. */
  take(chunk: Uint8Array): Promise<void>;
  /** Stores the rest and waits for it. */
  end(): Promise<void>;
}

/** Number of steps, including the one that fills: a disk pauses at times, and the sender should not. */
const depth = 3;
/** Number of steps when memory is scarce: one fills while one is stored. */
const least = 2;

/**
 * `size` is the total number of bytes, if known. `store` is called in order, for one step at a time. The memory belongs
 * to it until it resolves, and may be shared with another thread.
 */
export function createWriteBuffer(
  size: number | undefined,
  store: (bytes: Uint8Array) => Promise<void>,
  buffers: Buffers,
): WriteBuffer {
  const short = size !== undefined && size <= shortPart;
  const lent: Buffer[] = [];
  const free: Buffer[] = [];
  const lend = (): Buffer => {
    const taken = buffers.take('shared');
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
    // The rejection is handled when a caller awaits the step.
    stored.catch(() => undefined);
    storing.push(stored);
    if (storing.length >= (buffers.areScarce() ? least : depth)) await storing[0];
  };

  return {
    async take(chunk) {
      for (let at = 0; at < chunk.byteLength; ) {
        buffer ??= free.pop() ?? lend();
        const part = chunk.subarray(at, at + buffer.byteLength - filled);
        // Node's own copy: `set()` on shared memory copies word by word and takes four times as long.
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
        for (const taken of lent) buffers.giveBack(taken, { reusable: true });
      }
    },
  };
}
