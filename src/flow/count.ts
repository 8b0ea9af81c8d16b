/** Hands the bytes on and tells how many went by, chunk by chunk. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    yield chunk;
    onBytes(chunk.byteLength);
  }
}
