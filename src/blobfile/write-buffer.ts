import { type Buffers, shortPart } from './buffers.ts';
import { isThreaded } from './hash-thread.ts';

/** Collects bytes of any size and stores them in large steps. Some steps are stored while the next one fills. */
export interface WriteBuffer {
  /** Throws the error of an earlier step; no further step begins then. */
  take(chunk: Uint8Array): Promise<void>;
  /** Stores the rest and waits for all steps. */
  end(): Promise<void>;
}

/** The steps of a write buffer. */
interface Steps {
  /**
   * Stores a step. Called in order, also while earlier steps are stored, so that the one that stores never waits for the next
   * step. The memory belongs to it until it settles, and may be shared with another thread.
   */
  store(bytes: Uint8Array): Promise<void>;
  /** Called in order, when a step and all before it are stored. */
  stored(bytes: number): void;
}

/** Number of steps, including the one that fills: a disk pauses at times, and the sender should not. */
const depth = 3;
/** Number of steps of a large blob. They cross to another thread, and some are on their way. */
const largeDepth = 5;
/** Number of steps when memory is scarce: one fills while one is stored. */
const least = 2;

/** `size` is the total number of bytes, if known. */
export function createWriteBuffer(size: number | undefined, steps: Steps, buffers: Buffers): WriteBuffer {
  const usual = size === undefined || isThreaded(size) ? largeDepth : depth;
  const lent: Buffer[] = [];
  const free: Buffer[] = [];
  /** The steps that are not stored yet, the oldest first. */
  const storing: Promise<void>[] = [];
  let stored: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  const isShort = size !== undefined && size <= shortPart;
  let buffer: Buffer | undefined = isShort ? Buffer.allocUnsafe(size || 1) : undefined;
  let filled = 0;

  const settled = async (full: Buffer, bytes: number, begun: Promise<void>): Promise<void> => {
    const failed = (await Promise.allSettled([stored, begun])).find((step) => step.status === 'rejected');
    if (failed !== undefined) failure ??= { error: failed.reason };
    void storing.shift();
    free.push(full);
    if (failure !== undefined) throw failure.error;
    steps.stored(bytes);
  };
  const flush = async (): Promise<void> => {
    if (failure !== undefined) throw failure.error;
    const full = buffer;
    if (full === undefined) return;
    const bytes = full.subarray(0, filled);
    [buffer, filled] = [undefined, 0];
    stored = settled(full, bytes.byteLength, steps.store(bytes));
    // The rejection is handled when a caller awaits the step.
    stored.catch(() => undefined);
    storing.push(stored);
    if (storing.length >= (buffers.areScarce() ? least : usual)) await storing[0];
  };

  return {
    async take(chunk) {
      for (let at = 0; at < chunk.byteLength; ) {
        buffer ??= free.pop() ?? lend(buffers, lent);
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
        await Promise.allSettled(storing);
        for (const taken of lent) buffers.giveBack(taken, { reusable: true });
      }
    },
  };
}

/** Takes a buffer and adds it to the list of those to give back. */
function lend(buffers: Buffers, lent: Buffer[]): Buffer {
  const taken = buffers.take('shared');
  lent.push(taken);
  return taken;
}
