import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { folder, tarOf, file as tarred } from '../archive/archives.test.samples.ts';
import { openArchive } from '../archive/read.ts';
import { createArchive } from '../archive/write.ts';
import { digestOf } from '../flow/hash.ts';
import { validate } from '../image/validate.ts';
import { openLayout } from '../layout/repository.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createRemoteRegistry } from '../remote/registry.ts';
import { createApp } from '../server/app.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, give, imageOf, indexOf, listOf } from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';

/** An image, as the numbers of its layers and of its platform, or an index of such trees. */
type Tree =
  | { readonly layers: readonly number[]; readonly architecture: number }
  | { readonly children: readonly Tree[] };

const architectures = ['amd64', 'arm64', 's390x'] as const;

const layers = await Promise.all(
  Array.from({ length: 6 }, async (_, at) => {
    const tar = await tarOf([tarred(`file-${at}`, 'x'.repeat(at * 700))]);
    return { blob: blobOf(gzipSync(tar)), diffId: digestOf(tar) };
  }),
);

const anImage: fc.Arbitrary<Tree> = fc.record({
  layers: fc.array(fc.nat({ max: layers.length - 1 }), { maxLength: 4 }),
  architecture: fc.nat({ max: architectures.length - 1 }),
});
const anIndex = (of: fc.Arbitrary<Tree>): fc.Arbitrary<Tree> =>
  fc.record({ children: fc.array(of, { maxLength: 3 }) });
const aTree = fc.oneof(anImage, anIndex(fc.oneof(anImage, anIndex(anImage))));

/** Puts the tree, its content first. */
async function plant(repository: Repository, tree: Tree): Promise<Manifest> {
  let manifest: Manifest;
  if ('children' in tree) {
    const children: Descriptor[] = [];
    for (const child of tree.children) {
      const { descriptor } = await plant(repository, child);
      const platform =
        'children' in child
          ? {}
          : { platform: { os: 'linux', architecture: architectures[child.architecture] ?? '' } };
      children.push({ ...descriptor, ...platform });
    }
    manifest = indexOf(children);
  } else {
    const used = tree.layers.flatMap((at) => layers[at] ?? []);
    const config = blobOf(
      JSON.stringify({
        os: 'linux',
        architecture: architectures[tree.architecture],
        rootfs: { type: 'layers', diff_ids: used.map(({ diffId }) => diffId) },
      }),
    );
    const blobs = used.map(({ blob }) => blob);
    await give(repository, config, ...blobs);
    manifest = imageOf({ config, layers: blobs });
  }
  await repository.manifests.put(manifest);
  return manifest;
}

/** Writes a place through `write`, and opens it again for reading. */
type Kind = (test: TestContext, write: (to: Repository) => Promise<unknown>) => Promise<Repository>;

const kinds = {
  memory: async (_, write) => {
    const place = createMemoryRegistry().repository('acme/app');
    await write(place);
    return place;
  },
  registry: async (_, write) => {
    const base = 'https://registry.test';
    const send = createApp(createMemoryRegistry());
    const place = createRemoteRegistry({ base, registry: 'registry.test', send }).repository('acme/app');
    await write(place);
    return place;
  },
  layout: async (test, write) => {
    const path = join(folder(test), 'layout');
    {
      await using place = await openLayout(path, { mode: 'write' });
      await write(place);
      await place.commit();
    }
    return openLayout(path, { mode: 'read' });
  },
  archive: async (test, write) => {
    const path = join(folder(test), 'image.tar');
    {
      await using place = await createArchive(path, { format: 'oci' });
      await write(place);
      await place.commit();
    }
    return openArchive(path);
  },
} satisfies Readonly<Record<string, Kind>>;

const aKind = fc.constantFrom('memory', 'registry', 'layout', 'archive');

describe('copies between random places', () => {
  it('a random image or index has the same digest and no fault after copies through random places', async (test) => {
    await fc.assert(
      fc.asyncProperty(aTree, fc.array(aKind, { minLength: 1, maxLength: 4 }), async (tree, ways) => {
        let from: Repository = createMemoryRegistry().repository('source');
        const root = await plant(from, tree);
        await from.manifests.put(root, { tags: ['v1'] });
        for (const way of ways) {
          const source = from;
          from = await kinds[way](test, (to) => copyImage(source, 'v1', to, { tags: ['v1'] }));
          await source[Symbol.asyncDispose]();
        }
        const { descriptor, bytes } = await from.manifests.get('v1');
        assert.deepEqual([descriptor.digest, bytes], [root.descriptor.digest, root.bytes]);
        assert.deepEqual(await listOf(validate(from, root)), []);
        await from[Symbol.asyncDispose]();
      }),
      { numRuns: 40 },
    );
  });

  it('nested-empty-index: an archive with an index that lists only an empty index can be read', async (test) => {
    const from = createMemoryRegistry().repository('source');
    const root = await plant(from, { children: [{ children: [] }] });
    const archive = await kinds.archive(test, (to) =>
      copyImage(from, root.descriptor.digest, to, { tags: ['v1'] }),
    );
    assert.equal((await archive.manifests.get('v1')).descriptor.digest, root.descriptor.digest);
    assert.deepEqual(await listOf(validate(archive, root)), []);
    await archive[Symbol.asyncDispose]();
  });

  it('a second random copy to the same place leaves the first one whole', async (test) => {
    await fc.assert(
      fc.asyncProperty(aTree, aTree, aKind, async (one, two, way) => {
        const from = createMemoryRegistry().repository('source');
        const roots = [await plant(from, one), await plant(from, two)];
        const to = await kinds[way](test, async (place) => {
          for (const [at, { descriptor }] of roots.entries())
            await copyImage(from, descriptor.digest, place, { tags: [`v${at}`], alone: false });
        });
        for (const [at, root] of roots.entries()) {
          assert.equal((await to.manifests.resolve(`v${at}`))?.digest, root.descriptor.digest);
          assert.deepEqual(await listOf(validate(to, root)), []);
        }
        await to[Symbol.asyncDispose]();
      }),
      { numRuns: 30 },
    );
  });
});
