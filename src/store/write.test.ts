import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { OpenOptions } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { parseDigest } from '../spec/digest.ts';
import { blobOf, failsWith } from '../testing/contract/sample.ts';

it('writeBlob takes a place in the pool only if bytes move', async () => {
  const registry = createMemoryRegistry();
  const { descriptor, content } = blobOf('pooled');
  let taken = 0;
  const pool = {
    run<T>(task: () => Promise<T>): Promise<T> {
      taken++;
      return task();
    },
  };
  const [from, to] = [registry.repository('a/from'), registry.repository('a/to')];
  assert.equal(await from.blobs.write(descriptor, content, { pool }), 'uploaded');
  assert.equal(taken, 1);
  assert.equal(await from.blobs.write(descriptor, content, { pool }), 'existed');
  assert.equal(await to.blobs.write(descriptor, content, { pool, mountFrom: ['a/from'] }), 'mounted');
  assert.equal(taken, 1);
});

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
