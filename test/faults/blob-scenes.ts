import assert from 'node:assert/strict';
import { streamContent } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, noise, type SampleBlob } from '../../src/testing/contract/sample.ts';
import type { Clock } from '../../src/time/clock.ts';

/** Milliseconds. */
export const second: number = 1000;
export const minute: number = 60 * second;
export const mebibyte: number = 1024 * 1024;
export const small: SampleBlob = blobOf(noise(300_000));
export const large: SampleBlob = blobOf(noise(34 * mebibyte));

export const reads: (blob: SampleBlob) => (place: Repository) => Promise<void> =
  ({ descriptor }: SampleBlob) =>
  async (place: Repository): Promise<void> => {
    assert.equal((await measure(place.blobs.open(descriptor).open())).digest, descriptor.digest);
  };
export const writes = (place: Repository): Promise<unknown> =>
  place.blobs.write(small.descriptor, small.content);
export const streams = (place: Repository): Promise<unknown> =>
  place.blobs.ingest(streamContent(small.content.open()));

/** Lets so many milliseconds pass. */
export const pass = (clock: Clock, milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(milliseconds, resolve);
  });

/** Yields the bytes in pieces of this length, with a wait before each one. */
export async function* slowly(
  source: AsyncIterable<Uint8Array>,
  clock: Clock,
  { piece, every }: { readonly piece: number; readonly every: number },
): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; at += piece) {
      await pass(clock, every);
      yield chunk.subarray(at, at + piece);
    }
  }
}
