import { createHash, type Hash, randomBytes } from 'node:crypto';

/** Bytes that nobody has sent before, in parts, with their digest. */
export interface Made {
  readonly digest: string;
  readonly size: number;
  readonly parts: readonly Uint8Array[];
}

/**
 * Makes blobs of a size that differ in their last bytes alone: so a blob of 100 MB costs the load nothing to hash, and
 * what is measured is the server.
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
      // Of small sizes there are too many to keep, and they cost nothing.
      if (size > 1024 * 1024) states.set(size, state.copy());
    } else {
      state = state.copy();
    }
    const digest = `sha256:${state.update(last).digest('hex')}`;
    return { digest, size, parts: size > 1024 * 1024 ? [first, last] : [Buffer.concat([first, last])] };
  };
}
