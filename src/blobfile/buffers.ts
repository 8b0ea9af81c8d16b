/** Bytes in one step through a file. Steps above 1 MiB bring no gain; steps of 256 KiB take twice the time. */
const large = 1024 * 1024;
/** Bytes in one step when so many transfers run that memory matters more. */
const small = 128 * 1024;
/** Lent bytes from which on small buffers are handed out. A transfer with a small buffer is slower than the others. */
const plenty = 48 * large;
/** Lent bytes from which on each transfer should use only the buffers that it needs. */
const crowd = 16 * large;
/** Bytes that are kept for the next transfer. */
const stock = 8 * large;

/**
 * Memory that is shared with other threads, or not. Readers need unshared memory: `fetch` and others refuse shared
 * memory.
 */
type Kind = 'shared' | 'own';

/** Buffers for the next transfer: memory that each transfer allocates anew piles up faster than it is collected. */
export interface Buffers {
  /** Returns a buffer for steps through a file. It contains bytes of another transfer, so read only the written part. */
  take(kind: Kind): Buffer;
  /**
   * Pass `reusable: true` only if nothing can read the buffer any more, especially no socket: the next transfer writes
   * into it.
   */
  giveBack(buffer: Buffer, options: { readonly reusable: boolean }): void;
  /** Returns whether so much memory is lent that a transfer should not take more. */
  areScarce(): boolean;
}

export function createBuffers(): Buffers {
  const kept: Readonly<Record<Kind, Readonly<Record<'large' | 'small', Buffer[]>>>> = {
    shared: { large: [], small: [] },
    own: { large: [], small: [] },
  };
  let lent = 0;
  let held = 0;
  return {
    take(kind) {
      const size = lent < plenty ? 'large' : 'small';
      const bytes = size === 'large' ? large : small;
      lent += bytes;
      const again = kept[kind][size].pop();
      if (again !== undefined) held -= bytes;
      return again ?? newBuffer(kind, bytes);
    },
    giveBack(buffer, { reusable }) {
      const bytes = buffer.byteLength;
      lent -= bytes;
      if (!reusable || held + bytes > stock) return;
      held += bytes;
      const kind = buffer.buffer instanceof SharedArrayBuffer ? 'shared' : 'own';
      kept[kind][bytes === large ? 'large' : 'small'].push(buffer);
    },
    areScarce: () => lent >= crowd,
  };
}

function newBuffer(kind: Kind, bytes: number): Buffer {
  return kind === 'shared' ? Buffer.from(new SharedArrayBuffer(bytes)) : Buffer.allocUnsafeSlow(bytes);
}

/** Bytes. Up to this size a buffer of the exact size suffices. */
export const shortPart: number = small / 2;
