import { type Buffers, shortPart } from './buffers.ts';
import { isThreaded } from './hash-thread.ts';
import { createStepMemory } from './step-memory.ts';

/** Collects bytes of any size and stores them in large steps. Some steps are stored while the next one fills. */
export interface WriteBuffer {
  /** Throws the error of an earlier step; no further step begins then. */
  take(chunk: Uint8Array): Promise<void>;
  /** Returns memory for a later chunk. A large chunk in it is stored without a copy. */
  offer(): Uint8Array | undefined;
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

/** Number of pieces of memory beside those of the steps: for the chunk on its way and the one after it. */
const beside = 2;

/** `size` is the total number of bytes, if known. */
export function createWriteBuffer(size: number | undefined, steps: Steps, buffers: Buffers): WriteBuffer {
  const usual = size === undefined || isThreaded(size) ? largeDepth : depth;
  const isShort = size !== undefined && size <= shortPart;
  const memory = createStepMemory(buffers, size === undefined || isShort ? 0 : usual + beside);
  const most = (): number => (buffers.areScarce() ? least : usual);
  const queue = createStepQueue(steps, { most, release: (piece) => memory.release(piece) });
  let buffer: Buffer | undefined = isShort ? Buffer.allocUnsafe(size || 1) : undefined;
  let filled = 0;

  const flush = async (): Promise<void> => {
    const full = buffer;
    if (full === undefined) return queue.check();
    const bytes = full.subarray(0, filled);
    [buffer, filled] = [undefined, 0];
    await queue.begin(full, bytes);
  };
  const copy = async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.byteLength; ) {
      buffer ??= memory.take();
      const part = chunk.subarray(at, at + buffer.byteLength - filled);
      // Node's own copy: `set()` on shared memory copies word by word and takes four times as long.
      buffer.fill(part, filled, filled + part.byteLength);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled === buffer.byteLength) await flush();
    }
  };
  const take = async (chunk: Uint8Array): Promise<void> => {
    const own = memory.came(chunk);
    if (own !== undefined && chunk.byteLength >= own.byteLength / 2) {
      await flush();
      return queue.begin(own, chunk);
    }
    await copy(chunk);
    if (own !== undefined) memory.release(own);
  };
  const end = async (): Promise<void> => {
    try {
      await flush();
    } finally {
      await queue.end().finally(() => memory.end());
    }
  };
  return { take, offer: () => memory.offer(), end };
}

interface StepQueue {
  /** Begins to store a step. Resolves when there is a place for the next one. Throws the error of an earlier step. */
  begin(memory: Buffer, bytes: Uint8Array): Promise<void>;
  /** Throws the error of an earlier step. */
  check(): void;
  /** Waits for all steps. Throws the first error. */
  end(): Promise<void>;
}

interface QueueOptions {
  /** Returns the number of steps, including the one that fills. */
  readonly most: () => number;
  readonly release: (memory: Buffer) => void;
}

function createStepQueue(steps: Steps, { most, release }: QueueOptions): StepQueue {
  /** The steps that are not stored yet, the oldest first. */
  const storing: Promise<void>[] = [];
  let stored: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | undefined;
  const check = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  const settled = async (memory: Buffer, bytes: number, begun: Promise<void>): Promise<void> => {
    const failed = (await Promise.allSettled([stored, begun])).find((step) => step.status === 'rejected');
    if (failed !== undefined) failure ??= { error: failed.reason };
    void storing.shift();
    release(memory);
    check();
    steps.stored(bytes);
  };
  return {
    async begin(memory, bytes) {
      check();
      stored = settled(memory, bytes.byteLength, steps.store(bytes));
      // The rejection is handled when a caller awaits the step.
      stored.catch(() => undefined);
      storing.push(stored);
      if (storing.length >= most()) await storing[0];
    },
    check,
    async end() {
      await Promise.allSettled(storing);
      check();
    },
  };
}
