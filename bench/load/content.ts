import { createHash, type Hash, randomBytes } from 'node:crypto';

/** Bytes that no server has yet, in parts, with their digest. */
export interface Made {
  readonly digest: string;
  readonly size: number;
  readonly parts: readonly Uint8Array[];
}

/**
 * Makes blobs of one size that differ only in their last bytes. Hashing a blob of 100 MB then costs the load nothing,
 * and the figures show the server.
 */
export function createMaker(largest: number): (size: number) => Made {
  const base = randomBytes(largest);
  const states = new Map<number, Hash>();
  let made = 0;
  return (size) => {
    const last = Buffer.alloc(16);
    last.writeDoubleLE(Math.random(), 0);
    last.writeUInt32LE(made++, 8);
    const first = base.subarray(0, size - last.length);
    let state = states.get(size);
    if (state === undefined) {
      state = createHash('sha256').update(first);
      // Small sizes are too many to keep, and cheap to hash.
      if (size > 1024 * 1024) states.set(size, state.copy());
    } else {
      state = state.copy();
    }
    const digest = `sha256:${state.update(last).digest('hex')}`;
    return { digest, size, parts: size > 1024 * 1024 ? [first, last] : [Buffer.concat([first, last])] };
  };
}
