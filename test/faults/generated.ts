import type { Content, OpenOptions } from '../../src/flow/content.ts';
import { createHasher } from '../../src/flow/hash.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { noise } from '../../src/testing/contract/sample.ts';

const mebibyte = 1024 * 1024;
const block = noise(mebibyte);

/** Bytes that each reading generates: no two blocks are equal, and every run has the same ones. */
export interface Generated {
  readonly descriptor: Descriptor;
  readonly content: Content;
}

export function generated(size: number): Generated {
  const hasher = createHasher();
  for (const chunk of blocks(0, size)) hasher.update(chunk);
  const content: Content = {
    size,
    replayable: true,
    async *open({ from = 0, to = size }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      yield* blocks(from, to);
    },
  };
  return { descriptor: { mediaType: MediaType.octetStream, digest: hasher.digest(), size }, content };
}

/** All chunks use one buffer. */
function* blocks(from: number, to: number): Iterable<Uint8Array> {
  const buffer = Buffer.alloc(mebibyte);
  for (let at = from; at < to; ) {
    const start = at % mebibyte;
    const end = Math.min(mebibyte, start + to - at);
    buffer.set(block);
    buffer.writeUInt32BE(Math.floor(at / mebibyte));
    yield buffer.subarray(start, end);
    at += end - start;
  }
}
