import assert from 'node:assert/strict';
import type { Registry, Repository } from '../../store/contract.ts';
import type { RegistryCase } from './case.ts';
import { blobOf, emptyConfig, failsWith, give, giveImage, listOf, read } from './sample.ts';

const hello = blobOf('hello, neighbour');
const { digest } = hello.descriptor;
const actions = ['pull', 'push', 'delete'] as const;

function openIn(registry: Registry, name: string, ...mountFrom: readonly string[]): Repository {
  return registry.repository(name, { actions, mountFrom });
}

export const registryCases: readonly RegistryCase[] = [
  {
    name: 'a name that can name no repository throws NAME_INVALID at once',
    async run(registry) {
      for (const name of ['', 'UPPER', 'a//b', '/a', 'a/', '../a', 'a/../b', 'a b', 'é', 'a'.repeat(300)]) {
        await failsWith((async () => registry.repository(name))(), 'NAME_INVALID');
      }
    },
  },
  {
    name: 'repositories that hold something are listed in byte order',
    async run(registry) {
      assert.deepEqual(await listOf(registry.repositories()), []);
      for (const name of ['b', 'a/b', 'a', 'a/b/c', 'a-1', 'con', 'b/blobs', 'b/index.json']) {
        await giveImage(openIn(registry, name), {}, 'latest');
      }
      await openIn(registry, 'only/read').manifests.resolve('latest');
      const expected = ['a', 'a-1', 'a/b', 'a/b/c', 'b', 'b/blobs', 'b/index.json', 'con'];
      assert.deepEqual(await listOf(registry.repositories()), expected);
      assert.deepEqual(await listOf(registry.repositories({ pageSize: 2 })), expected);
      assert.deepEqual(await listOf(registry.repositories({ after: 'a/b' })), expected.slice(3));
    },
  },
  {
    name: 'a repository whose last content was deleted is no longer listed',
    needs: 'deletes',
    async run(registry) {
      const repository = openIn(registry, 'acme/app');
      const { descriptor } = await giveImage(repository, {}, 'v1');
      await repository.manifests.delete(descriptor.digest);
      assert.deepEqual(await listOf(registry.repositories()), ['acme/app']);
      await repository.blobs.delete(emptyConfig.descriptor.digest);
      assert.deepEqual(await listOf(registry.repositories()), []);
    },
  },
  {
    name: 'listing the tags of a repository that is not there throws NAME_UNKNOWN when iterated',
    async run(registry) {
      const tags = openIn(registry, 'never/written').tags.list();
      await failsWith(listOf(tags), 'NAME_UNKNOWN');
    },
  },
  {
    name: 'what one repository holds, another one does not',
    async run(registry) {
      const [here, there] = [openIn(registry, 'acme/here'), openIn(registry, 'acme/here/there')];
      const { descriptor } = await giveImage(here, { layers: [hello] }, 'v1');
      await giveImage(there, {}, 'v2');
      assert.equal(await there.blobs.stat(digest), undefined);
      await failsWith(read(there.blobs.open(digest)), 'BLOB_UNKNOWN');
      assert.equal(await there.manifests.resolve('v1'), undefined);
      assert.deepEqual(await listOf(there.tags.list()), ['v2']);
      const other = await giveImage(here, { subject: descriptor });
      assert.equal(await there.manifests.resolve(other.descriptor.digest), undefined);
      assert.deepEqual(await listOf(there.referrers(descriptor.digest)), []);
    },
  },
  {
    name: 'a mount links a blob from the repository named, and not from one that lacks it',
    needs: 'mounts',
    async run(registry) {
      const [from, to] = [
        openIn(registry, 'acme/from'),
        openIn(registry, 'acme/to', 'acme/from', 'acme/none'),
      ];
      await give(from, hello);
      assert.equal(await to.blobs.mount(digest, { from: 'acme/none' }), undefined);
      assert.equal(await to.blobs.stat(digest), undefined);
      assert.deepEqual(await to.blobs.mount(digest, { from: 'acme/from' }), hello.descriptor);
      assert.deepEqual(await read(to.blobs.open(digest)), hello.bytes);
    },
  },
  {
    name: 'a mount without a source finds the blob anywhere',
    needs: 'mountsFromAny',
    async run(registry) {
      await give(openIn(registry, 'acme/from'), hello);
      const to = openIn(registry, 'acme/to');
      assert.deepEqual(await to.blobs.mount(digest), hello.descriptor);
      assert.deepEqual(await read(to.blobs.open(digest)), hello.bytes);
    },
  },
  {
    name: 'write mounts where it can, and the content is never opened',
    needs: 'mounts',
    async run(registry) {
      await give(openIn(registry, 'acme/from'), hello);
      const to = openIn(registry, 'acme/to', 'acme/none', 'acme/from');
      const content = {
        replayable: true,
        open(): never {
          throw new Error('opened, although it could be mounted');
        },
      };
      const mountFrom = ['acme/none', 'acme/from'];
      assert.equal(await to.blobs.write(hello.descriptor, content, { mountFrom }), 'mounted');
      assert.equal(await to.blobs.write(hello.descriptor, content, { mountFrom }), 'existed');
      assert.deepEqual(await read(to.blobs.open(digest)), hello.bytes);
    },
  },
  {
    name: 'a mounted blob outlives its deletion where it came from',
    needs: 'mounts',
    async run(registry) {
      const [from, to] = [openIn(registry, 'acme/from'), openIn(registry, 'acme/to', 'acme/from')];
      await give(from, hello);
      await to.blobs.mount(digest, { from: 'acme/from' });
      // In a place without deletion, the test covers only the mount.
      await from.blobs.delete(digest).catch(() => undefined);
      assert.deepEqual(await read(to.blobs.open(digest)), hello.bytes);
    },
  },
  {
    name: 'an upload is resumed through another handle on the repository, and not through another repository',
    async run(registry) {
      const upload = await openIn(registry, 'acme/app').blobs.start();
      await upload.append(hello.content);
      await failsWith(openIn(registry, 'acme/other').blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
      const again = await openIn(registry, 'acme/app').blobs.resume(upload.id);
      assert.equal(again.offset, hello.bytes.byteLength);
      assert.deepEqual(await again.commit(digest), hello.descriptor);
    },
  },
];
