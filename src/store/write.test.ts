import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { OpenOptions } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { parseDigest } from '../spec/digest.ts';
import { blobOf, failsWith } from '../testing/contract/sample.ts';

it('writeBlob refuses a digest that gantry cannot compute before it reads a byte', async () => {
  const { blobs } = createMemoryRegistry().repository('a/b');
  const { descriptor, content } = blobOf('strange');
  const digest = parseDigest('sha384:0123456789abcdef');
  await assert.rejects(blobs.write({ ...descriptor, digest }, content), { code: 'UNSUPPORTED' });
});

it('writeBlob leaves the verification to the place that hashes the bytes', async () => {
  const { descriptor, content } = blobOf('checked once');
  const opened: string[] = [];
  const told = (name: string) => ({
    ...content,
    open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
      opened.push(name);
      return content.open(options);
    },
  });
  const { blobs } = createMemoryRegistry().repository('a/to');
  await blobs.write(descriptor, { ...told('checked'), unverified: told('unverified') });
  assert.deepEqual(opened, ['unverified']);
});

it('the place refuses unverified bytes with another digest', async () => {
  const { descriptor } = blobOf('right');
  const { content } = blobOf('wrong');
  const { blobs } = createMemoryRegistry().repository('a/to');
  await failsWith(blobs.write(descriptor, { ...content, unverified: content }), 'DIGEST_INVALID');
  assert.equal(await blobs.stat(descriptor.digest), undefined);
});
