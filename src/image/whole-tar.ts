import { readTar, type TarOptions, type TarPart } from '../tar/read.ts';

/**
 * Reads the entries of a tar and then the bytes after its end, which belong to its digest: a verified source reports
 * another digest only at its end.
 */
export async function* readWholeTar(
  source: AsyncIterable<Uint8Array>,
  options?: TarOptions,
): AsyncIterable<TarPart> {
  const chunks = source[Symbol.asyncIterator]();
  const next = (): Promise<IteratorResult<Uint8Array>> => chunks.next();
  try {
    // The source has no `return`, so the reader of the entries cannot end it.
    yield* readTar({ [Symbol.asyncIterator]: () => ({ next }) }, options);
    while ((await next()).done !== true);
  } finally {
    await chunks.return?.();
  }
}
