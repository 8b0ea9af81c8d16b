import { returnBuffer, shortPart, takeBuffer } from './buffers.ts';

/** Takes bytes in pieces of any size and stores them in large steps: one is stored while the next one comes in. */
export interface Steps {
  /** Throws what storing an earlier step has thrown; nothing more is stored then. */
  take(chunk: Uint8Array): Promise<void>;
  /** Stores what is left, and waits for it. */
  end(): Promise<void>;
}

/** `size`: bytes in all, where known. `store` is called in order, with memory that is its own until it is done. */
export function createSteps(size: number | undefined, store: (bytes: Uint8Array) => Promise<void>): Steps {
  const lent: Uint8Array[] = [];
  const lend = (): Uint8Array => {
    const taken = takeBuffer();
    lent.push(taken);
    return taken;
  };
  const short = size !== undefined && size <= shortPart;
  let buffer: Uint8Array | undefined = short ? Buffer.allocUnsafe(size || 1) : lend();
  let filled = 0;
  let spare: Uint8Array | undefined;
  let stored: Promise<void> = Promise.resolve();

  const flush = async (): Promise<void> => {
    await stored;
    const full = buffer;
    if (full === undefined || filled === 0) return;
    stored = store(full.subarray(0, filled));
    // Told to whoever flushes next.
    stored.catch(() => undefined);
    [buffer, spare, filled] = [spare, full, 0];
  };

  return {
    async take(chunk) {
      for (let at = 0; at < chunk.byteLength; ) {
        buffer ??= lend();
        const part = chunk.subarray(at, at + buffer.byteLength - filled);
        buffer.set(part, filled);
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
