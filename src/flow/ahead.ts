/** The answer to a request for a chunk. */
type Answer =
  | { readonly result: IteratorResult<Uint8Array>; readonly failed: false }
  | { readonly error: unknown; readonly failed: true };

/**
 * Requests the next chunk while the reader still works on the last one, so that both take place at once: reading and hashing
 * beside a compression. Copies the chunks, since a source may reuse its memory.
 */
export async function* ahead(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  const request = (): Promise<Answer> =>
    chunks.next().then(
      (result) => ({ result, failed: false }),
      (error: unknown) => ({ error, failed: true }),
    );
  /** One for the chunk of the reader, one for the next. */
  const memory = [new Uint8Array(0), new Uint8Array(0)];
  try {
    let next = request();
    for (let turn = 0; ; turn = 1 - turn) {
      const answer = await next;
      if (answer.failed) throw answer.error;
      if (answer.result.done === true) return;
      const chunk = answer.result.value;
      let own = memory[turn] ?? new Uint8Array(0);
      if (own.byteLength < chunk.byteLength) own = new Uint8Array(chunk.byteLength);
      memory[turn] = own;
      own.set(chunk);
      next = request();
      yield own.subarray(0, chunk.byteLength);
    }
  } finally {
    await chunks.return?.();
  }
}
