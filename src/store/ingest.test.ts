import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Content, sliceContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { blobOf, noise, read, reusingContent } from '../testing/contract/sample.ts';
import { ingestBlob } from './ingest.ts';
import type { Upload } from './upload.ts';

const { bytes, descriptor } = blobOf(noise(10_000));

it('ingestBlob hashes bytes once that a recovering upload reads again', async () => {
  const { blobs } = createMemoryRegistry().repository('a/b');
  const start = async (): Promise<Upload> => {
    const upload = await blobs.start();
    const append = async (content: Content): Promise<void> => {
      // Reads up to 7000, of which 5000 arrive, and then from there to the end.
      await read(content, { to: 7000 });
      await upload.append(sliceContent(content, 0, 5000));
      await upload.append(sliceContent(content, 5000, bytes.byteLength));
    };
    return {
      id: upload.id,
      offset: 0,
      limits: {},
      append,
      commit: (digest) => upload.commit(digest),
      cancel: () => upload.cancel(),
    };
  };
  assert.deepEqual(await ingestBlob({ start }, reusingContent(bytes, 700)), descriptor);
});

it('ingestBlob reports the first error and not that of the cleanup', async () => {
  const fault = new Error('the source broke');
  const start = async (): Promise<Upload> => ({
    id: 'x',
    offset: 0,
    limits: {},
    append: () => Promise.reject(fault),
    commit: () => Promise.reject(new Error('not reached')),
    cancel: () => Promise.reject(new Error('nor can it be cancelled')),
  });
  await assert.rejects(ingestBlob({ start }, reusingContent(bytes, 700)), (error) => error === fault);
});
