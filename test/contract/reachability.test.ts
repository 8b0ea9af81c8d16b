import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { referencesOf } from '../../src/disk/references.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { ContentError } from '../../src/errors.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Digest } from '../../src/spec/digest.ts';
import type { Repository } from '../../src/store/contract.ts';
import { Reachability, type References } from '../../src/store/reachability.ts';
import {
  blobOf,
  emptyConfig,
  failsWith,
  give,
  giveImage,
  indexOf,
} from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';

/** A place with the references in it, after `fill` has run. */
type Stage = (test: TestContext, fill: (repository: Repository) => Promise<void>) => Promise<References>;

async function inMemory(
  _: TestContext,
  fill: (repository: Repository) => Promise<void>,
): Promise<Repository> {
  const repository = createMemoryRegistry().repository('app');
  await fill(repository);
  return repository;
}

const stages: readonly (readonly [name: string, stage: Stage])[] = [
  ['memory', inMemory],
  [
    'the contract over a store on disk',
    async (test, fill) => {
      const registry = await openDiskRegistry(join(await folder(test), 'store'));
      atEnd(test, () => registry[Symbol.asyncDispose]());
      const repository = registry.repository('app');
      await fill(repository);
      return repository;
    },
  ],
  [
    'the files of a store on disk',
    async (test, fill) => {
      const store = join(await folder(test), 'store');
      await using registry = await openDiskRegistry(store);
      await fill(registry.repository('app'));
      return referencesOf(new RepositoryFolder(join(store, 'repositories'), 'app'));
    },
  ],
];

const layer = blobOf('a layer');
const digestOf = ({ descriptor }: { readonly descriptor: { readonly digest: Digest } }): Digest =>
  descriptor.digest;

for (const [name, stage] of stages) {
  describe(`reachability over ${name}`, () => {
    it('a tag reaches its index, the children, their referrers and all of their blobs', async (test) => {
      const all: Digest[] = [];
      let untagged: Digest | undefined;
      const references = await stage(test, async (repository) => {
        const child = await giveImage(repository, { layers: [layer] });
        const note = await giveImage(repository, { subject: child.descriptor, artifactType: 'a/note' });
        const index = indexOf([child.descriptor]);
        await repository.manifests.put(index, { tags: ['v1'] });
        untagged = digestOf(await giveImage(repository, { annotations: { a: 'untagged' } }));
        all.push(...[child, note, index].map(digestOf));
      });
      assert(untagged !== undefined);
      const reachability = new Reachability(references);
      const reached = await reachability.reachedByTags([...all, untagged]);
      assert.deepEqual(
        [...all, untagged].filter((digest) => reached.has(digest)),
        all,
      );
      const needed = await reachability.neededBy(all);
      assert.deepEqual([...(needed ?? [])].sort(), [...all, digestOf(layer), digestOf(emptyConfig)].sort());
    });

    it('a manifest needs the digests in any field of it', async (test) => {
      const odd = blobOf(`{"anything":{"at":["${digestOf(layer)}"]}}`);
      const references = await stage(test, async (repository) => {
        const mediaType = 'application/x+json';
        const { bytes, descriptor } = odd;
        const body = { kind: 'unknown', mediaType } as const;
        await repository.manifests.put({ descriptor: { ...descriptor, mediaType }, bytes, body });
      });
      const needed = await new Reachability(references).neededBy([digestOf(odd)]);
      assert.deepEqual([...(needed ?? [])].sort(), [digestOf(odd), digestOf(layer)].sort());
    });

    it('a manifest that does not exist needs nothing', async (test) => {
      const references = await stage(test, async (repository) => give(repository, layer));
      const absent = digestOf(blobOf('absent'));
      assert.deepEqual([...((await new Reachability(references).neededBy([absent])) ?? [])], [absent]);
    });
  });
}

const spoilt = (): Promise<never> => Promise.reject(new ContentError('DIGEST_INVALID', 'spoilt'));
const unread = async (): Promise<undefined> => undefined;

interface Filled {
  readonly repository: Repository;
  readonly digests: Digest[];
}

async function filled(test: TestContext): Promise<Filled> {
  const digests: Digest[] = [];
  const repository = await inMemory(test, async (into) => {
    digests.push(digestOf(await giveImage(into, { layers: [layer] }, 'v1')));
    digests.push(digestOf(await giveImage(into, { annotations: { a: 'untagged' } })));
  });
  return { repository, digests };
}

describe('reachability in doubt', () => {
  it('an unreadable manifest may need everything', async (test) => {
    const { repository, digests } = await filled(test);
    const manifests = { ...repository.manifests, get: spoilt };
    const reachability = new Reachability({ ...repository, manifests });
    assert.equal(await reachability.neededBy(digests), undefined);
    assert.deepEqual([...(await reachability.reachedByTags(digests))].sort(), digests.sort());
  });

  it('a tag with an unreadable digest may name every manifest', async (test) => {
    const { repository, digests } = await filled(test);
    const manifests = { ...repository.manifests, resolve: unread };
    const reachability = new Reachability({ ...repository, manifests });
    await failsWith(reachability.reachedByTags(digests), 'IO_FAILED');
  });

  it('a tag that is deleted after the listing reaches nothing', async (test) => {
    const { repository, digests } = await filled(test);
    const resolve = async (tag: string) => {
      await repository.tags.delete(tag);
      return undefined;
    };
    const reachability = new Reachability({ ...repository, manifests: { ...repository.manifests, resolve } });
    assert.deepEqual([...(await reachability.reachedByTags(digests))], []);
  });

  it('a tag that is set again between two questions reaches its manifest', async (test) => {
    const { repository, digests } = await filled(test);
    let asked = 0;
    const resolve = async (tag: string) => (asked++ === 0 ? undefined : repository.manifests.resolve(tag));
    const reachability = new Reachability({ ...repository, manifests: { ...repository.manifests, resolve } });
    assert.equal((await reachability.reachedByTags(digests)).has(digests[0] ?? digestOf(layer)), true);
  });
});
