/**
 * Joins chunks into fewer, larger ones: network reads have 16 to 64 KiB, and each disk write and hash update has a
 * fixed cost. The chunks share one buffer of `size` bytes.
 */
export async function* gathered(
  source: AsyncIterable<Uint8Array>,
  size: number = 1024 * 1024,
): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(size);
  let filled = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (filled === 0 && rest.byteLength >= size) {
        yield rest;
        break;
      }
      const part = rest.subarray(0, size - filled);
      buffer.set(part, filled);
      filled += part.byteLength;
      rest = rest.subarray(part.byteLength);
      if (filled === size) {
        yield buffer;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield buffer.subarray(0, filled);
}
