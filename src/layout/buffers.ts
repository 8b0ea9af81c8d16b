/** Bytes that are kept, of each size of buffer. */
const mostKept = 16 * 1024 * 1024;

/** For the next who needs one: memory that is made anew for each transfer piles up faster than it is collected. */
const kept = new Map<number, Uint8Array[]>();

/** A buffer that nobody else has. What stands in it is another transfer's: only what was written may be read. */
export function takeBuffer(size: number): Uint8Array {
  return kept.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size);
}

/** Only for a buffer that nothing can be reading any more: the next one writes into it. */
export function returnBuffer(buffer: Uint8Array): void {
  const buffers = kept.get(buffer.byteLength) ?? [];
  if ((buffers.length + 1) * buffer.byteLength > mostKept) return;
  buffers.push(buffer);
  kept.set(buffer.byteLength, buffers);
}
