import assert from 'node:assert/strict';
import { isGantryError } from '../../errors.ts';
import { type Content, streamContent } from '../../flow/content.ts';
import { MediaType } from '../../spec/media-type.ts';
import type { RepositoryCase } from './case.ts';
import { blobOf, brokenContent, failsWith, give, noise, read, reusingContent } from './sample.ts';

const hello = blobOf('hello, blob');
const empty = blobOf('');
const large = blobOf(noise(3 * 1024 * 1024 + 17));

const unopened: Content = {
  replayable: true,
  open() {
    throw new Error('opened, although nothing had to be read');
  },
};

export const blobCases: readonly RepositoryCase[] = [
  {
    name: 'stat of a blob that is not there answers undefined',
    async run({ blobs }) {
      assert.equal(await blobs.stat(hello.descriptor.digest), undefined);
    },
  },
  {
    name: 'a written blob has a descriptor of octets and the same bytes',
    async run(repository) {
      assert.equal(await repository.blobs.write(hello.descriptor, hello.content), 'uploaded');
      const found = await repository.blobs.stat(hello.descriptor.digest);
      assert.deepEqual(found, { ...hello.descriptor, mediaType: MediaType.octetStream });
      assert.deepEqual(await read(repository.blobs.open(hello.descriptor.digest)), hello.bytes);
    },
  },
  {
    name: 'an empty blob is a blob',
    async run(repository) {
      await give(repository, empty);
      assert.deepEqual(await repository.blobs.stat(empty.descriptor.digest), empty.descriptor);
      assert.deepEqual(await read(repository.blobs.open(empty.descriptor)), empty.bytes);
    },
  },
  {
    name: 'writing what exists answers so and never opens the content',
    async run(repository) {
      await give(repository, hello);
      assert.equal(await repository.blobs.write(hello.descriptor, unopened), 'existed');
    },
  },
  {
    name: 'a blob of some megabytes comes back byte for byte, from a source that reuses its buffer',
    async run({ blobs }) {
      await blobs.write(large.descriptor, reusingContent(large.bytes, 70_001));
      assert.ok(Buffer.from(await read(blobs.open(large.descriptor))).equals(large.bytes));
    },
  },
  {
    name: 'opened content can be opened again and knows its size from a descriptor',
    async run(repository) {
      await give(repository, hello);
      const content = repository.blobs.open(hello.descriptor);
      assert.equal(content.size, hello.bytes.byteLength);
      assert.equal(content.replayable, true);
      assert.deepEqual(await read(content), hello.bytes);
      assert.deepEqual(await read(content), hello.bytes);
    },
  },
  ...ranges(),
  {
    name: 'reading a blob that is not there throws BLOB_UNKNOWN, and not before it is read',
    async run({ blobs }) {
      const content = blobs.open(hello.descriptor);
      await failsWith(read(content), 'BLOB_UNKNOWN');
      await failsWith(read(blobs.open(hello.descriptor.digest), { from: 2, to: 4 }), 'BLOB_UNKNOWN');
    },
  },
  {
    name: 'a whole read under a descriptor that lies about the size throws SIZE_INVALID',
    async run(repository) {
      await give(repository, hello);
      const { descriptor, bytes } = hello;
      for (const size of [bytes.byteLength - 1, bytes.byteLength + 1]) {
        await failsWith(read(repository.blobs.open({ ...descriptor, size })), 'SIZE_INVALID');
      }
    },
  },
  {
    name: 'bytes with another digest throw DIGEST_INVALID and leave nothing',
    async run({ blobs }) {
      const other = blobOf('other, blob').content;
      await failsWith(blobs.write(hello.descriptor, other), 'DIGEST_INVALID');
      assert.equal(await blobs.stat(hello.descriptor.digest), undefined);
      assert.equal(await blobs.write(hello.descriptor, hello.content), 'uploaded');
    },
  },
  {
    name: 'more or fewer bytes than announced are refused and leave nothing',
    async run({ blobs }) {
      for (const text of ['hello', 'hello, blob and more']) {
        const content = streamContent(blobOf(text).content.open());
        await failsWith(blobs.write(hello.descriptor, content), 'SIZE_INVALID', 'DIGEST_INVALID');
        assert.equal(await blobs.stat(hello.descriptor.digest), undefined);
      }
    },
  },
  {
    name: 'progress counts up to the size, and what is acknowledged never goes back',
    async run({ blobs }) {
      const seen: number[] = [];
      const onProgress = (progress: { readonly acknowledged: number }): void =>
        void seen.push(progress.acknowledged);
      await blobs.write(large.descriptor, reusingContent(large.bytes, 1024 * 1024), { onProgress });
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
      assert.equal(seen.at(-1), large.bytes.byteLength);
    },
  },
  {
    name: 'ingest finds the digest in one pass over a source that can be read once',
    async run({ blobs }) {
      const content = streamContent(reusingContent(large.bytes, 65_536).open());
      const descriptor = await blobs.ingest(content, { mediaType: MediaType.ociLayer });
      assert.deepEqual(descriptor, { ...large.descriptor, mediaType: MediaType.ociLayer });
      assert.deepEqual(await blobs.stat(descriptor.digest), large.descriptor);
    },
  },
  {
    name: 'ingesting what is there already is no fault',
    async run(repository) {
      await give(repository, hello);
      assert.deepEqual(await repository.blobs.ingest(hello.content), hello.descriptor);
    },
  },
  {
    name: 'sha512 blobs are written, ingested and read',
    needs: 'sha512',
    async run(repository) {
      const written = blobOf('under a longer digest', 'sha512');
      const ingested = blobOf('learnt on the way', 'sha512');
      await give(repository, written);
      const descriptor = await repository.blobs.ingest(ingested.content, { algorithm: 'sha512' });
      assert.deepEqual(descriptor, ingested.descriptor);
      assert.deepEqual(await read(repository.blobs.open(written.descriptor)), written.bytes);
    },
  },
  {
    name: 'a source that fails is not hidden and leaves nothing',
    async run({ blobs }) {
      const fault = new Error('the source broke');
      const content = brokenContent(large.bytes, 100_000, () => {
        throw fault;
      });
      await assert.rejects(blobs.write(large.descriptor, content), (error) => causedBy(error, fault));
      await assert.rejects(blobs.ingest(content), (error) => causedBy(error, fault));
      assert.equal(await blobs.stat(large.descriptor.digest), undefined);
    },
  },
  {
    name: 'an abort while bytes go in is rethrown untouched and leaves nothing',
    async run({ blobs }) {
      const abort = new AbortController();
      const content = brokenContent(large.bytes, 100_000, () => abort.abort(new Error('enough')));
      const { signal } = abort;
      await assert.rejects(
        blobs.write(large.descriptor, content, { signal }),
        (error) => error === signal.reason,
      );
      assert.equal(await blobs.stat(large.descriptor.digest), undefined);
    },
  },
  {
    name: 'delete answers whether the blob was there, and then it is gone',
    needs: 'deletes',
    async run(repository) {
      await give(repository, hello);
      assert.equal(await repository.blobs.delete(hello.descriptor.digest), true);
      assert.equal(await repository.blobs.delete(hello.descriptor.digest), false);
      assert.equal(await repository.blobs.stat(hello.descriptor.digest), undefined);
      await failsWith(read(repository.blobs.open(hello.descriptor)), 'BLOB_UNKNOWN');
    },
  },
  {
    name: 'a mount that the place would not do answers undefined',
    async run({ blobs }) {
      assert.equal(await blobs.mount(hello.descriptor.digest, { from: 'nobody/here' }), undefined);
      assert.equal(await blobs.mount(hello.descriptor.digest), undefined);
    },
  },
];

/** Each part is [from, to) or reaches to the end of the blob. */
function ranges(): readonly RepositoryCase[] {
  const { bytes, descriptor } = large;
  const middle = 1024 * 1024;
  const rows = [
    { name: 'the first bytes', from: 0, to: 10 },
    { name: 'one byte', from: middle, to: middle + 1 },
    { name: 'bytes across a chunk', from: middle - 5, to: middle + 5 },
    { name: 'the rest from an offset', from: bytes.byteLength - 20 },
    { name: 'up to an offset', to: 33 },
  ];
  return rows.map(({ name, ...range }) => ({
    name: `open returns a range: ${name}`,
    async run({ blobs }) {
      await blobs.write(descriptor, large.content);
      const expected = Buffer.from(bytes.subarray(range.from ?? 0, range.to));
      assert.ok(expected.equals(await read(blobs.open(descriptor), range)));
      assert.ok(expected.equals(await read(blobs.open(descriptor.digest), range)));
    },
  }));
}

/** A place may wrap the failure, as long as the cause stays. */
function causedBy(error: unknown, fault: Error): boolean {
  return error === fault || (isGantryError(error) && causedBy(error.cause, fault));
}
