import assert from 'node:assert/strict';
import type { RepositoryCase } from './case.ts';
import { blobOf, emptyConfig, failsWith, give, giveImage, imageOf, indexOf, listOf } from './sample.ts';

const absent = blobOf('never given').descriptor;

export const manifestCases: readonly RepositoryCase[] = [
  {
    name: 'resolve of what is not there answers undefined, and get throws MANIFEST_UNKNOWN',
    async run({ manifests }) {
      for (const reference of ['nothing', absent.digest]) {
        assert.equal(await manifests.resolve(reference), undefined);
        await failsWith(manifests.get(reference), 'MANIFEST_UNKNOWN', 'NAME_UNKNOWN');
      }
    },
  },
  {
    name: 'a manifest comes back with its exact bytes and media type, by tag and by digest',
    async run(repository) {
      const manifest = await giveImage(repository, { layers: [blobOf('a layer')] }, 'v1');
      for (const reference of ['v1', manifest.descriptor.digest]) {
        assert.deepEqual(await repository.manifests.resolve(reference), manifest.descriptor);
        const got = await repository.manifests.get(reference);
        assert.deepEqual(got.descriptor, manifest.descriptor);
        assert.ok(Buffer.from(got.bytes).equals(manifest.bytes));
        assert.deepEqual(got.body, manifest.body);
      }
    },
  },
  {
    name: 'a manifest without a tag is there by digest only',
    async run(repository) {
      const { descriptor } = await giveImage(repository);
      assert.deepEqual(await repository.manifests.resolve(descriptor.digest), descriptor);
      assert.deepEqual(await listOf(repository.tags.list()), []);
    },
  },
  {
    name: 'several tags are put at once, and putting the same again changes nothing',
    async run(repository) {
      const manifest = await giveImage(repository, {}, 'a', 'b');
      await repository.manifests.put(manifest, { tags: ['b', 'c'] });
      assert.deepEqual(await listOf(repository.tags.list()), ['a', 'b', 'c']);
      for (const tag of ['a', 'b', 'c']) {
        assert.deepEqual(await repository.manifests.resolve(tag), manifest.descriptor);
      }
    },
  },
  {
    name: 'a tag moves, and the manifest that it left stays',
    async run(repository) {
      const before = await giveImage(repository, { annotations: { n: '1' } }, 'latest');
      const after = await giveImage(repository, { annotations: { n: '2' } }, 'latest');
      assert.deepEqual(await repository.manifests.resolve('latest'), after.descriptor);
      assert.deepEqual(await repository.manifests.resolve(before.descriptor.digest), before.descriptor);
      assert.deepEqual(await listOf(repository.tags.list()), ['latest']);
    },
  },
  {
    name: 'a put that may only create changes nothing that is there, or is UNSUPPORTED',
    async run(repository) {
      const { manifests, tags } = repository;
      const first = await giveImage(repository, { annotations: { n: '1' } }, 'v1');
      const second = imageOf({ annotations: { n: '2' } });
      const put = manifests.put(second, { tags: ['v2', 'v1'], createOnly: true });
      await failsWith(put, 'DENIED', 'UNSUPPORTED');
      assert.deepEqual(await manifests.resolve('v1'), first.descriptor);
      assert.equal(await manifests.resolve(second.descriptor.digest), undefined);
      assert.deepEqual(await listOf(tags.list()), ['v1']);
    },
  },
  {
    name: 'an index is kept, also while one of its children is missing',
    async run(repository) {
      const child = await giveImage(repository);
      const missing = imageOf({ annotations: { never: 'put' } });
      const index = indexOf([child.descriptor, missing.descriptor]);
      await repository.manifests.put(index, { tags: ['all'] });
      const got = await repository.manifests.get('all');
      assert.deepEqual(got.body, index.body);
      assert.equal(await repository.manifests.resolve(missing.descriptor.digest), undefined);
    },
  },
  {
    name: 'a manifest whose subject is not there is kept',
    async run(repository) {
      const subject = imageOf({ annotations: { never: 'put' } }).descriptor;
      const { descriptor } = await giveImage(repository, { subject });
      assert.deepEqual(await repository.manifests.resolve(descriptor.digest), descriptor);
    },
  },
  {
    name: 'bytes with another digest throw DIGEST_INVALID, and neither manifest nor tag is there',
    async run(repository) {
      await give(repository, emptyConfig);
      const manifest = imageOf();
      const { descriptor } = imageOf({ annotations: { other: 'one' } });
      const lie = { ...manifest, descriptor };
      await failsWith(repository.manifests.put(lie, { tags: ['lie'] }), 'DIGEST_INVALID');
      assert.equal(await repository.manifests.resolve('lie'), undefined);
      assert.equal(await repository.manifests.resolve(descriptor.digest), undefined);
    },
  },
  {
    name: 'a manifest whose config or layer is missing throws MANIFEST_BLOB_UNKNOWN and is not there',
    needs: 'checksBlobs',
    async run(repository) {
      const layer = blobOf('the layer');
      const manifest = imageOf({ layers: [layer] });
      for (const given of [layer, emptyConfig]) {
        await failsWith(repository.manifests.put(manifest, { tags: ['early'] }), 'MANIFEST_BLOB_UNKNOWN');
        assert.equal(await repository.manifests.resolve('early'), undefined);
        await give(repository, given);
      }
      await repository.manifests.put(manifest, { tags: ['early'] });
    },
  },
  {
    name: 'a sha512 manifest is kept under sha512',
    needs: 'sha512',
    async run(repository) {
      const { descriptor, bytes } = await giveImage(repository, { algorithm: 'sha512' });
      const got = await repository.manifests.get(descriptor.digest);
      assert.deepEqual(got.descriptor, descriptor);
      assert.ok(Buffer.from(got.bytes).equals(bytes));
    },
  },
  {
    name: 'what is kept does not change with the array that was put',
    async run(repository) {
      await give(repository, emptyConfig);
      const { descriptor, body, bytes } = imageOf();
      const given = bytes.slice();
      await repository.manifests.put({ descriptor, body, bytes: given }, { tags: ['v1'] });
      given.fill(0);
      assert.ok(Buffer.from((await repository.manifests.get('v1')).bytes).equals(bytes));
    },
  },
  {
    name: 'deleting a blob never takes a manifest away',
    needs: 'deletes',
    async run(repository) {
      const { descriptor } = await giveImage(repository, {}, 'v1');
      assert.equal(await repository.blobs.delete(descriptor.digest), false);
      assert.deepEqual((await repository.manifests.get('v1')).descriptor, descriptor);
    },
  },
  {
    name: 'deleting a manifest removes every tag on it and no other',
    needs: 'deletes',
    async run(repository) {
      const kept = await giveImage(repository, { annotations: { n: '1' } }, 'kept');
      const { descriptor } = await giveImage(repository, { annotations: { n: '2' } }, 'a', 'b');
      assert.equal(await repository.manifests.delete(descriptor.digest), true);
      assert.equal(await repository.manifests.delete(descriptor.digest), false);
      assert.deepEqual(await listOf(repository.tags.list()), ['kept']);
      assert.equal(await repository.manifests.resolve('a'), undefined);
      assert.equal(await repository.manifests.resolve(descriptor.digest), undefined);
      assert.deepEqual(await repository.manifests.resolve('kept'), kept.descriptor);
    },
  },
  {
    name: 'deleting a tag removes that tag and nothing else',
    needs: 'deletes',
    async run(repository) {
      const { descriptor } = await giveImage(repository, {}, 'a', 'b');
      assert.equal(await repository.tags.delete('a'), true);
      assert.equal(await repository.tags.delete('a'), false);
      assert.deepEqual(await listOf(repository.tags.list()), ['b']);
      assert.deepEqual(await repository.manifests.resolve(descriptor.digest), descriptor);
    },
  },
];
