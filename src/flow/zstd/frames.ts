import { slack } from './bits.ts';
import { expectFormat } from './damage.ts';
import { type FrameHeader, headerLength, headerOf, isSkippable, littleEndian } from './header.ts';
import { ByteInput } from './input.ts';
import { LiteralsReader, mostInBlock } from './literals.ts';
import { type FrameOutput, SequencesReader } from './sequences.ts';

/** In bytes: how far the output grows beyond the window before its last part moves to the beginning. */
const step = 8 * 1024 * 1024;

/**
 * Decompresses zstd, with any number of frames; skips skippable ones. Needs memory for the window of one frame, at most
 * 128 MiB, and yields at most a block at once. It does not compare the checksums of frames: gantry verifies content by its digest.
 * @throws ZstdDamage for a stream that breaks the rules of the format, or is cut off
 * @see https://www.rfc-editor.org/rfc/rfc8878
 */
export async function* zstdDecompressed(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const input = new ByteInput(source);
  try {
    for (;;) {
      const head = await input.take(4);
      if (head.byteLength === 0) return;
      if (isSkippable(head)) await input.skip(littleEndian(await input.need(4)));
      else yield* frameContent(input, await readHeader(input));
    }
  } finally {
    await input.close();
  }
}

async function readHeader(input: ByteInput): Promise<FrameHeader> {
  const flags = await input.need(1);
  const rest = await input.need(headerLength(flags[0] ?? 0) - 1);
  return headerOf(Uint8Array.of(...flags, ...rest));
}

async function* frameContent(
  input: ByteInput,
  { window, size, hasChecksum }: FrameHeader,
): AsyncIterable<Uint8Array> {
  const [literals, sequences] = [new LiteralsReader(), new SequencesReader()];
  const output: FrameOutput = { bytes: new Uint8Array(0), at: 0 };
  const most = Math.min(window, mostInBlock);
  // A copy of each block, since each step reads several bytes at once.
  const room = new Uint8Array(most + slack);
  let total = 0;
  for (let isLast = false; !isLast; ) {
    const head = littleEndian(await input.need(3));
    isLast = (head & 1) === 1;
    const [type, length] = [(head >> 1) & 3, head >> 3];
    expectFormat(type < 3 && length <= most, 'a block is of an unknown kind, or too large');
    makeRoom(output, window, most);
    const begin = output.at;
    if (type === 2) {
      await input.needInto(room.subarray(0, length));
      sequences.apply(room, length, literals.read(room, length), output, begin + most);
    } else {
      output.at += length;
      const block = output.bytes.subarray(begin, output.at);
      if (type === 0) await input.needInto(block);
      else block.fill((await input.need(1))[0] ?? 0);
    }
    total += output.at - begin;
    if (output.at > begin) yield output.bytes.subarray(begin, output.at);
  }
  expectFormat(size === undefined || size === total, 'a frame does not have the size in its header');
  if (hasChecksum) await input.need(4);
}

/** Makes room for a block. Keeps the window, and grows no further than the content needs. */
function makeRoom(output: FrameOutput, window: number, most: number): void {
  if (output.at + most <= output.bytes.byteLength) return;
  const limit = window + most + Math.min(window, step);
  const needed = Math.min(limit, Math.max(2 * output.at, output.at + most));
  if (output.at + most <= limit && needed > output.bytes.byteLength) {
    const larger = new Uint8Array(Math.max(needed, output.at + most));
    larger.set(output.bytes.subarray(0, output.at));
    output.bytes = larger;
    return;
  }
  const from = Math.max(0, output.at - window);
  output.bytes.copyWithin(0, from, output.at);
  output.at -= from;
}
