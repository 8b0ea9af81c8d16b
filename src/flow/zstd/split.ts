import { expectFormat } from './damage.ts';
import { headerLength, headerOf, isSkippable, littleEndian } from './header.ts';
import { ByteInput } from './input.ts';
import { mostInBlock } from './literals.ts';

/**
 * Splits a stream of zstd into its frames, for a decompressor that stops after one. Leaves out skippable frames. Each frame must
 * be read to its end before the next.
 * @throws ZstdDamage for bytes between frames, and for a stream that is cut off
 */
export async function* zstdFrames(
  source: AsyncIterable<Uint8Array>,
): AsyncIterable<AsyncIterable<Uint8Array>> {
  const input = new ByteInput(source);
  try {
    for (let head = await input.take(4); head.byteLength > 0; head = await input.take(4)) {
      if (isSkippable(head)) await input.skip(littleEndian(await input.need(4)));
      else yield frameBytes(input, head);
    }
  } finally {
    await input.close();
  }
}

/** Yields the bytes of one frame, a block at a time. */
async function* frameBytes(input: ByteInput, magic: Uint8Array): AsyncIterable<Uint8Array> {
  const flags = await input.need(1);
  const header = Uint8Array.of(...flags, ...(await input.need(headerLength(flags[0] ?? 0) - 1)));
  const { hasChecksum } = headerOf(header);
  yield Uint8Array.of(...magic, ...header);
  for (let isLast = false; !isLast; ) {
    const head = await input.need(3);
    const number = littleEndian(head);
    isLast = (number & 1) === 1;
    // A block of one repeated byte holds that byte alone.
    const length = ((number >> 1) & 3) === 1 ? 1 : number >> 3;
    expectFormat(length <= mostInBlock, 'a block is too large');
    const block = new Uint8Array(3 + length);
    block.set(head);
    await input.needInto(block.subarray(3));
    yield block;
  }
  if (hasChecksum) yield await input.need(4);
}
