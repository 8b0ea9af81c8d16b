import { ContentError } from '../errors.ts';
import { StreamCursor } from './cursor.ts';
import { cutOff, nextEntry, paddingOf } from './entry.ts';
import type { TarOptions } from './read.ts';

/** Bytes that are skipped in one step. All of them are passed on before the next step. */
const step = 1024 * 1024;

/**
 * Passes the bytes of a tar on unchanged, and checks meanwhile that they are one.
 * @throws MANIFEST_INVALID when the source is empty or no tar
 * @throws SIZE_INVALID when the tar is cut off; also the other errors of `readTar`
 */
export async function* checkedTar(
  source: AsyncIterable<Uint8Array>,
  { what = 'tar', signal }: TarOptions = {},
): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  /** The chunks that the check has read, copied, since it may read several at once. */
  const read: Uint8Array[] = [];
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    signal?.throwIfAborted();
    const result = await chunks.next();
    if (result.done !== true) read.push(result.value.slice());
    return result;
  };
  try {
    const cursor = new StreamCursor({ [Symbol.asyncIterator]: () => ({ next }) });
    for (;;) {
      const entry = await nextEntry(cursor, what);
      if (entry === undefined) break;
      const end = entry.offset + entry.stored;
      for (let left = end - cursor.offset + paddingOf(entry.stored); left > 0; ) {
        const skipped = await cursor.skip(Math.min(left, step));
        if (skipped === 0) throw cutOff(what, cursor.offset);
        left -= skipped;
        yield* read.splice(0);
      }
      yield* read.splice(0);
    }
    if (cursor.offset === 0)
      throw new ContentError('MANIFEST_INVALID', `${what} is empty, and no tar archive`);
    do yield* read.splice(0);
    while ((await next()).done !== true);
  } finally {
    await chunks.return?.();
  }
}
