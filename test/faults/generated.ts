import type { Content, OpenOptions } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { noise } from '../../src/testing/contract/sample.ts';

const mebibyte = 1024 * 1024;

/** Bytes that are made as they are read: no two blocks are the same, and every run has the same ones. */
export interface Generated {
  readonly descriptor: Descriptor;
  readonly content: Content;
  /** How often the content was opened. */
  readonly opened: () => number;
}

const block = noise(mebibyte);

export async function generated(size: number): Promise<Generated> {
  let opened = 0;
  const content: Content = {
    size,
    replayable: true,
    async *open({ from = 0, to = size }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      opened++;
      const buffer = Buffer.alloc(mebibyte);
      for (let at = from; at < to; ) {
        const start = at % mebibyte;
        const end = Math.min(mebibyte, start + to - at);
        buffer.set(block);
        buffer.writeUInt32BE(Math.floor(at / mebibyte));
        yield buffer.subarray(start, end);
        at += end - start;
      }
    },
  };
  const { digest } = await measure(content.open());
  opened = 0;
  return {
    descriptor: { mediaType: MediaType.octetStream, digest, size },
    content,
    opened: () => opened,
  };
}
