/** Returns the bytes before the deflate stream of a member of gzip (RFC 1952): no name, no time, and 255 for an unknown system. */
export function gzipHeader(level: number): Uint8Array {
  const speed = level === 1 ? 4 : level === 9 ? 2 : 0;
  return Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, speed, 255);
}

/** Returns the bytes after the stream. `size`: the bytes before compression. */
export function gzipTrailer(checksum: number, size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, checksum, true);
  view.setUint32(4, size % 2 ** 32, true);
  return bytes;
}
