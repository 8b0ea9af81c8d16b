import assert from 'node:assert/strict';
import { collect } from '../../flow/collect.ts';
import { bytesContent } from '../../flow/content.ts';
import type { RepositoryCase } from './case.ts';
import { blobOf, brokenContent, failsWith, noise, read } from './sample.ts';

const hello = blobOf('hello, upload');
const large = blobOf(noise(2 * 1024 * 1024 + 3));

const fails = async (): Promise<never> => {
  throw new Error('the journal cannot be read');
};

export const uploadCases: readonly RepositoryCase[] = [
  {
    name: 'start and one commit with the content is an upload',
    async run({ blobs }) {
      const upload = await blobs.start();
      assert.equal(upload.offset, 0);
      assert.deepEqual(await upload.commit(hello.descriptor.digest, hello.content), hello.descriptor);
      assert.deepEqual(await read(blobs.open(hello.descriptor)), hello.bytes);
    },
  },
  {
    name: 'an upload that starts with its sha512 digest hashes by that algorithm',
    needs: 'sha512',
    async run({ blobs }) {
      const { descriptor, content } = blobOf('hello, sha512', 'sha512');
      const upload = await blobs.start({ digest: descriptor.digest });
      assert.deepEqual(await upload.commit(descriptor.digest, content), descriptor);
    },
  },
  {
    name: 'a write stores the blob although its journal fails, or names a session that does not exist',
    async run({ blobs }) {
      const wrong = { find: async () => '3@nonsense', note: fails, forget: fails };
      for (const [at, journal] of [wrong, { ...wrong, find: fails }].entries()) {
        const { descriptor, content, bytes } = blobOf(`journal ${at}`);
        assert.equal(await blobs.write(descriptor, content, { journal }), 'uploaded');
        assert.deepEqual(await read(blobs.open(descriptor)), bytes);
      }
    },
  },
  {
    name: 'where the chunks are cut never matters, nor whether the last one comes with the commit',
    async run({ blobs }) {
      // Every split of six bytes, twice: with everything appended, and with the last piece in the commit.
      const bytes = noise(6);
      for (let cuts = 0; cuts < 2 ** 5; cuts++) {
        for (const withCommit of [false, true]) {
          const whole = blobOf(new Uint8Array([...bytes, cuts, Number(withCommit)]));
          const pieces = cutAt(whole.bytes, cuts);
          const last = withCommit ? pieces.pop() : undefined;
          const upload = await blobs.start();
          let offset = 0;
          for (const piece of pieces) {
            await upload.append(bytesContent(piece));
            offset += piece.byteLength;
            assert.equal(upload.offset, offset);
          }
          const { digest } = whole.descriptor;
          const done = await upload.commit(digest, last === undefined ? undefined : bytesContent(last));
          assert.deepEqual(done, whole.descriptor);
          assert.deepEqual(await read(blobs.open(digest)), whole.bytes);
        }
      }
    },
  },
  {
    name: 'an upload of nothing is the empty blob',
    async run({ blobs }) {
      const empty = blobOf('');
      const upload = await blobs.start();
      assert.deepEqual(await upload.commit(empty.descriptor.digest), empty.descriptor);
    },
  },
  {
    name: 'an upload that shows what has arrived shows all of it in order, and nothing once it has ended',
    async run({ blobs }) {
      const upload = await blobs.start();
      if (upload.open === undefined) return;
      const { bytes, descriptor } = large;
      assert.deepEqual(await collected(upload.open()), new Uint8Array());
      await upload.append(bytesContent(bytes.subarray(0, 1_500_000)));
      assert.deepEqual(await collected(upload.open()), bytes.subarray(0, 1_500_000));
      await upload.append(bytesContent(bytes.subarray(1_500_000)));
      assert.deepEqual(await collected(upload.open({ from: 7, to: 1_600_000 })), bytes.slice(7, 1_600_000));
      await upload.commit(descriptor.digest);
      assert.deepEqual(await collected(upload.open()), new Uint8Array());
    },
  },
  {
    name: 'nothing is visible before the commit',
    async run({ blobs }) {
      const upload = await blobs.start();
      await upload.append(hello.content);
      assert.equal(await blobs.stat(hello.descriptor.digest), undefined);
      await upload.cancel();
    },
  },
  {
    name: 'a session is resumed by its id at its offset',
    async run({ blobs }) {
      const half = large.bytes.byteLength >> 1;
      const first = await blobs.start();
      await first.append(bytesContent(large.bytes.subarray(0, half)));
      const second = await blobs.resume(first.id);
      assert.equal(second.offset, half);
      await second.append(bytesContent(large.bytes.subarray(half)));
      const third = await blobs.resume(second.id);
      assert.equal(third.offset, large.bytes.byteLength);
      assert.deepEqual(await third.commit(large.descriptor.digest), large.descriptor);
      assert.ok(Buffer.from(await read(blobs.open(large.descriptor))).equals(large.bytes));
    },
  },
  {
    name: 'after an append that failed half way, the offset is what the place has, and the upload goes on from there',
    async run({ blobs }) {
      const upload = await blobs.start();
      const content = brokenContent(large.bytes, 1024 * 1024, () => {
        throw new Error('the source broke');
      });
      await assert.rejects(upload.append(content));
      const again = await blobs.resume(upload.id);
      assert.equal(upload.offset, again.offset);
      assert.ok(again.offset <= 1024 * 1024);
      const done = await again.commit(
        large.descriptor.digest,
        bytesContent(large.bytes.subarray(again.offset)),
      );
      assert.deepEqual(done, large.descriptor);
      assert.ok(Buffer.from(await read(blobs.open(large.descriptor))).equals(large.bytes));
    },
  },
  {
    name: 'an append that is aborted rethrows the reason, and the session stays',
    async run({ blobs }) {
      const abort = new AbortController();
      const { signal } = abort;
      const upload = await blobs.start();
      const content = brokenContent(large.bytes, 1000, () => abort.abort(new Error('enough')));
      await assert.rejects(upload.append(content, { signal }), (error) => error === signal.reason);
      const again = await blobs.resume(upload.id);
      await again.commit(large.descriptor.digest, bytesContent(large.bytes.subarray(again.offset)));
      assert.ok(Buffer.from(await read(blobs.open(large.descriptor))).equals(large.bytes));
    },
  },
  {
    name: 'a commit under another digest throws DIGEST_INVALID and closes the session',
    async run({ blobs }) {
      const other = blobOf('other').descriptor.digest;
      const upload = await blobs.start();
      await failsWith(upload.commit(other, hello.content), 'DIGEST_INVALID');
      assert.equal(await blobs.stat(other), undefined);
      assert.equal(await blobs.stat(hello.descriptor.digest), undefined);
      await failsWith(blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
    },
  },
  {
    name: 'a closed session is neither resumed nor continued',
    async run({ blobs }) {
      const upload = await blobs.start();
      await upload.commit(hello.descriptor.digest, hello.content);
      await failsWith(blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
      await failsWith(upload.append(hello.content), 'BLOB_UPLOAD_UNKNOWN');
    },
  },
  {
    name: 'a cancelled session is gone, and cancelling again is quiet',
    async run({ blobs }) {
      const upload = await blobs.start();
      await upload.append(hello.content);
      await upload.cancel();
      await upload.cancel();
      await failsWith(blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
      assert.equal(await blobs.stat(hello.descriptor.digest), undefined);
    },
  },
  {
    name: 'a commit under sha512 is verified, whether the session was started for it or not',
    needs: 'sha512',
    async run({ blobs }) {
      for (const algorithm of ['sha256', 'sha512'] as const) {
        const blob = blobOf(`committed after a start for ${algorithm}`, 'sha512');
        const upload = await blobs.start({ algorithm });
        await upload.append(blob.content);
        assert.deepEqual(await upload.commit(blob.descriptor.digest), blob.descriptor);
        assert.deepEqual(await read(blobs.open(blob.descriptor)), blob.bytes);
      }
    },
  },
  {
    name: 'two sessions for the same blob both succeed',
    async run({ blobs }) {
      const uploads = await Promise.all([blobs.start(), blobs.start()]);
      const { digest } = hello.descriptor;
      const done = await Promise.all(uploads.map((upload) => upload.commit(digest, hello.content)));
      assert.deepEqual(done, [hello.descriptor, hello.descriptor]);
      assert.deepEqual(await read(blobs.open(digest)), hello.bytes);
    },
  },
  {
    name: 'progress of an append counts from where the session stands',
    async run({ blobs }) {
      const upload = await blobs.start();
      await upload.append(bytesContent(hello.bytes.subarray(0, 5)));
      let acknowledged = 0;
      await upload.append(bytesContent(hello.bytes.subarray(5)), {
        onProgress: (progress) => {
          acknowledged = progress.acknowledged;
        },
      });
      assert.equal(acknowledged, hello.bytes.byteLength);
      await upload.cancel();
    },
  },
];

/** Splits the bytes. Bit n of `cuts` decides whether a split follows byte n. */
function cutAt(bytes: Uint8Array, cuts: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let start = 0;
  for (let at = 1; at < bytes.byteLength; at++) {
    if ((cuts & (1 << (at - 1))) === 0) continue;
    pieces.push(bytes.subarray(start, at));
    start = at;
  }
  pieces.push(bytes.subarray(start));
  return pieces;
}

function collected(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  return collect(source, { limit: large.bytes.byteLength, what: 'what has arrived' });
}
