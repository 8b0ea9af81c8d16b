import assert from 'node:assert/strict';
import type { Descriptor } from '../../spec/descriptor.ts';
import { MediaType } from '../../spec/media-type.ts';
import type { Repository } from '../../store/contract.ts';
import type { RepositoryCase } from './case.ts';
import { blobOf, emptyConfig, give, giveImage, imageOf, indexOf, listOf } from './sample.ts';

export const listingCases: readonly RepositoryCase[] = [
  {
    name: 'tags come in byte order, however many are fetched at a time',
    async run(repository) {
      await giveImage(repository, {}, 'b', 'a', 'Z', 'a.1', '_x', 'a-1', '10', '9');
      const expected = ['10', '9', 'Z', '_x', 'a', 'a-1', 'a.1', 'b'];
      assert.deepEqual(await listOf(repository.tags.list()), expected);
      assert.deepEqual(await listOf(repository.tags.list({ pageSize: 3 })), expected);
    },
  },
  {
    name: 'a listing begins after a name, which need not exist',
    async run(repository) {
      await giveImage(repository, {}, 'a', 'b', 'c', 'd');
      assert.deepEqual(await listOf(repository.tags.list({ after: 'b' })), ['c', 'd']);
      assert.deepEqual(await listOf(repository.tags.list({ after: 'bb', pageSize: 1 })), ['c', 'd']);
      assert.deepEqual(await listOf(repository.tags.list({ after: 'd' })), []);
    },
  },
  {
    name: 'tags that differ only in case are two tags',
    async run(repository) {
      const lower = await giveImage(repository, { annotations: { n: '1' } }, 'rc');
      const upper = await giveImage(repository, { annotations: { n: '2' } }, 'RC');
      assert.deepEqual(await repository.manifests.resolve('rc'), lower.descriptor);
      assert.deepEqual(await repository.manifests.resolve('RC'), upper.descriptor);
      assert.deepEqual(await listOf(repository.tags.list()), ['RC', 'rc']);
    },
  },
  {
    name: 'the longest tag, and tags that a file system could mind, are tags like any other',
    async run(repository) {
      const tags = ['CON', 'T'.repeat(128), '_', 'con', 'nul.txt', 'v1.'];
      const { descriptor } = await giveImage(repository, {}, ...tags);
      assert.deepEqual(await listOf(repository.tags.list()), tags);
      for (const tag of tags) assert.deepEqual(await repository.manifests.resolve(tag), descriptor);
    },
  },
  {
    name: 'what nothing refers to has no referrers',
    async run(repository) {
      const { descriptor } = await giveImage(repository);
      assert.deepEqual(await listOf(repository.referrers(descriptor.digest)), []);
      assert.deepEqual(await listOf(repository.referrers(blobOf('unheard of').descriptor.digest)), []);
    },
  },
  {
    name: 'referrers have the artifactType, else the media type of their config, and their annotations',
    async run(repository) {
      const subject = (await giveImage(repository, {}, 'v1')).descriptor;
      const annotations = { 'org.example.kind': 'test' };
      const typed = await giveImage(repository, {
        subject,
        artifactType: 'application/vnd.example.sbom',
        annotations,
      });
      const untyped = await giveImage(repository, { subject });
      const index = indexOf([], { subject, annotations });
      await repository.manifests.put(index);
      const expected = [
        { ...typed.descriptor, artifactType: 'application/vnd.example.sbom', annotations },
        { ...untyped.descriptor, artifactType: MediaType.ociConfig },
        { ...index.descriptor, annotations },
      ];
      assert.deepEqual(await referrersOf(repository, subject), byDigest(expected));
    },
  },
  {
    name: 'referrers are chosen by artifactType',
    async run(repository) {
      const subject = (await giveImage(repository)).descriptor;
      const [one, two] = ['application/vnd.example.one', 'application/vnd.example.two'];
      const wanted = await giveImage(repository, { subject, artifactType: one });
      await giveImage(repository, { subject, artifactType: two });
      const found = await listOf(repository.referrers(subject.digest, { artifactType: one }));
      assert.deepEqual(found, [{ ...wanted.descriptor, artifactType: one }]);
    },
  },
  {
    name: 'a referrer is listed before its subject is there, and once however often it is put',
    async run(repository) {
      const subject = imageOf({ annotations: { comes: 'later' } });
      const referrer = await giveImage(repository, { subject: subject.descriptor });
      await repository.manifests.put(referrer, { tags: ['again'] });
      const expected = [{ ...referrer.descriptor, artifactType: MediaType.ociConfig }];
      assert.deepEqual(await referrersOf(repository, subject.descriptor), expected);
      await give(repository, emptyConfig);
      await repository.manifests.put(subject);
      assert.deepEqual(await referrersOf(repository, subject.descriptor), expected);
    },
  },
  {
    name: 'a deleted referrer is no longer listed',
    needs: 'deletes',
    async run(repository) {
      const subject = (await giveImage(repository)).descriptor;
      const referrer = await giveImage(repository, { subject });
      await repository.manifests.delete(referrer.descriptor.digest);
      assert.deepEqual(await referrersOf(repository, subject), []);
    },
  },
];

/** Sorts the referrers, because the contract does not order them. */
async function referrersOf(repository: Repository, subject: Descriptor): Promise<readonly Descriptor[]> {
  return byDigest(await listOf(repository.referrers(subject.digest)));
}

function byDigest(descriptors: readonly Descriptor[]): readonly Descriptor[] {
  return descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
}
