import type { Buffers } from './buffers.ts';

/** The memory of one file that is written in steps. The source of its bytes may read into a part of it. */
export interface StepMemory {
  /** Returns memory for a step. */
  take(): Buffer;
  /** Returns memory for a later chunk of the source, or undefined if there is none. */
  offer(): Uint8Array | undefined;
  /**
   * Notes a chunk of the source. Returns its memory if that was offered, so that the caller can store the chunk as it is,
   * and `release` the memory then.
   */
  came(chunk: Uint8Array): Buffer | undefined;
  /** Makes memory free for the next step. */
  release(memory: Buffer): void;
  /** Gives everything back to the other transfers. */
  end(): void;
}

/** `mostOffered`: the number of pieces from which on nothing is offered. */
export function createStepMemory(buffers: Buffers, mostOffered: number): StepMemory {
  const lent: Buffer[] = [];
  const free: Buffer[] = [];
  /** Memory that the source has, by its array buffer. */
  const offered = new Map<ArrayBufferLike, Buffer>();
  /** The memory of the latest chunk. The source may use it until it passes on the next one, and pass on more of it. */
  let latest: { readonly memory: Buffer; isFree: boolean } | undefined;
  const lend = (): Buffer => {
    const memory = buffers.take('shared');
    lent.push(memory);
    return memory;
  };
  return {
    take: () => free.pop() ?? lend(),
    offer() {
      if (mostOffered === 0 || buffers.areScarce()) return undefined;
      const memory = free.pop() ?? (lent.length < mostOffered ? lend() : undefined);
      if (memory === undefined) return undefined;
      offered.set(memory.buffer, memory);
      return new Uint8Array(memory.buffer);
    },
    came({ buffer }) {
      if (buffer === latest?.memory.buffer) return undefined;
      if (latest?.isFree) free.push(latest.memory);
      const memory = offered.get(buffer);
      offered.delete(buffer);
      latest = memory && { memory, isFree: false };
      return memory;
    },
    release(memory) {
      if (latest?.memory === memory) latest.isFree = true;
      else free.push(memory);
    },
    end() {
      // A source that was given up may still have memory.
      for (const memory of lent) buffers.giveBack(memory, { reusable: !offered.has(memory.buffer) });
    },
  };
}
