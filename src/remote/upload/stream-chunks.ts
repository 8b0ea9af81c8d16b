export interface StreamChunk {
  /** Valid until the reader asks for the next chunk. */
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Yields chunks of exactly `size` bytes, and then a last one with the remaining bytes. The last one always comes, and may be
 * empty.
 */
export async function* inChunks(source: AsyncIterable<Uint8Array>, size: number): AsyncIterable<StreamChunk> {
  const buffer = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.byteLength > 0) {
      // A full chunk waits for the next byte: only that shows that it is not the last one.
      if (filled === size) {
        yield { bytes: buffer, last: false };
        filled = 0;
      }
      const part = rest.subarray(0, size - filled);
      buffer.set(part, filled);
      filled += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }
  yield { bytes: buffer.subarray(0, filled), last: true };
}

/** Yields a chunk that was read before, and then all chunks after it. */
export async function* rejoined(
  first: Uint8Array,
  chunks: AsyncIterator<StreamChunk>,
): AsyncIterable<Uint8Array> {
  yield first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value.bytes;
}
