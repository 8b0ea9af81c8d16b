import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { OpenOptions } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { parseDigest } from '../spec/digest.ts';
import { blobOf, failsWith } from '../testing/contract/sample.ts';

it('only a write that moves bytes takes a place in the pool', async () => {
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

it('a digest that can not be verified is refused before any byte is read', async () => {
  const { blobs } = createMemoryRegistry().repository('a/b');
  const { descriptor, content } = blobOf('strange');
  const digest = parseDigest('sha384:0123456789abcdef');
  await assert.rejects(blobs.write({ ...descriptor, digest }, content), { code: 'UNSUPPORTED' });
});

it('bytes that the place hashes are not checked on their way as well', async () => {
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
  await blobs.write(descriptor, { ...told('checked'), unchecked: told('unchecked') });
  assert.deepEqual(opened, ['unchecked']);
});

it('bytes that are not checked on their way and are wrong are refused by the place', async () => {
  const { descriptor } = blobOf('right');
  const { content } = blobOf('wrong');
  const { blobs } = createMemoryRegistry().repository('a/to');
  await failsWith(blobs.write(descriptor, { ...content, unchecked: content }), 'DIGEST_INVALID');
  assert.equal(await blobs.stat(descriptor.digest), undefined);
});
