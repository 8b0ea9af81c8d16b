import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Repository } from '../store/contract.ts';
import {
  blobOf,
  emptyConfig,
  give,
  giveImage,
  imageOf,
  indexOf,
  listOf,
} from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';
import type { CopyEvent } from './events.ts';
import {
  assertNothingNamed,
  assertOrder,
  assertThere,
  copyFailure,
  giveIndex,
  image,
  place,
} from './stage.test.support.ts';
import { watched } from './watched.test.support.ts';

/** Notes the numbers of requests that the copy announces. */
function telling(repository: Repository) {
  const told: number[] = [];
  return { told, repository: { ...repository, preconnect: (requests: number) => void told.push(requests) } };
}

describe('copyImage', () => {
  it('a copy announces the requests for an index to both places and those for an image to the source', async () => {
    const [from, to] = [telling(place()), telling(place())];
    await giveIndex(from.repository);
    await copyImage(from.repository, 'v1', to.repository);
    // Two images of four expected blobs; then the config and the layers of the first image, and of both.
    assert.deepEqual(from.told, [8, 3, 4]);
    assert.deepEqual(to.told, [10]);
  });

  it('a copy of an image transfers every byte and returns its root', async () => {
    const [from, to] = [place(), place()];
    const root = await giveImage(from, image('base', 'top'), 'v1');
    const descriptor = await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal(descriptor.digest, root.descriptor.digest);
    await assertThere(to, root);
    assert.equal((await to.manifests.resolve('v1'))?.digest, root.descriptor.digest);
  });

  it('a copy by digest without tags is stored under its digest only', async () => {
    const [from, to] = [place(), place()];
    const root = await giveImage(from, image('base'), 'v1');
    await copyImage(from, root.descriptor.digest, to);
    await assertThere(to, root);
    await assertNothingNamed(to);
  });

  it('a copy of an index transfers all its images, each manifest after its content and the root with the tag last', async () => {
    const from = place();
    const { index, one, two } = await giveIndex(from);
    const to = watched(place());
    await copyImage(from, 'v1', to.repository, { tags: ['a'] });
    assertOrder(to.notes, index, one, two);
    assert.deepEqual(to.notes.at(-1), { step: 'put', what: index.descriptor.digest, tags: ['a'] });
    await assertThere(to.repository, index, one, two);
    const tagged = to.notes.filter(({ tags }) => tags !== undefined && tags.length > 0);
    assert.equal(tagged.length, 1);
  });

  it('a copy sets several tags with the last manifest', async () => {
    const [from, to] = [place(), watched(place())];
    const root = await giveImage(from, image('base'), 'v1');
    await copyImage(from, 'v1', to.repository, { tags: ['a', 'b'] });
    assert.deepEqual(to.notes.at(-1), { step: 'put', what: root.descriptor.digest, tags: ['a', 'b'] });
    assert.deepEqual(await listOf(to.repository.tags.list()), ['a', 'b']);
  });

  it('a copy follows nested indexes', async () => {
    const from = place();
    const { index, one, two } = await giveIndex(from);
    const outer = indexOf([index.descriptor]);
    const outermost = indexOf([outer.descriptor, one.descriptor]);
    for (const manifest of [outer, outermost]) await from.manifests.put(manifest);
    const to = watched(place());
    await copyImage(from, outermost.descriptor.digest, to.repository);
    await assertThere(to.repository, outermost, outer, index, one, two);
    assertOrder(to.notes, outermost, outer, index, one, two);
    assert.equal(to.of('put').length, 5);
  });

  // id: index-nesting-limit
  it('a copy refuses indexes that are nested too deeply', async () => {
    const [from, to] = [place(), place()];
    let manifest = await giveImage(from, image('base'));
    for (let depth = 0; depth < 12; depth++) {
      manifest = indexOf([manifest.descriptor]);
      await from.manifests.put(manifest);
    }
    const { side, cause } = await copyFailure(
      copyImage(from, manifest.descriptor.digest, to, { tags: ['v1'] }),
    );
    assert.deepEqual({ side, cause }, { side: 'source', cause: 'MANIFEST_INVALID' });
    await assertNothingNamed(to);
  });

  it('a copy transfers content that several images share once', async () => {
    const source = watched(place());
    await giveIndex(source.repository);
    const to = watched(place());
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v1'] });
    const blobs = ['shared', 'one', 'two'].map((name) => blobOf(name).descriptor.digest);
    const wanted = [emptyConfig.descriptor.digest, ...blobs].sort();
    assert.deepEqual([...to.of('wrote')].sort(), wanted);
    assert.deepEqual([...source.of('open')].sort(), wanted);
  });

  it('a copy of an image that exists under its tag reads no content and writes nothing', async () => {
    const source = watched(place());
    await giveIndex(source.repository);
    const to = watched(place());
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v1'] });
    const before = { read: source.of('open').length, put: to.of('put').length };
    const events: CopyEvent[] = [];
    await copyImage(source.repository, 'v1', to.repository, {
      tags: ['v1'],
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual({ read: source.of('open').length, put: to.of('put').length }, before);
    const manifests = events.flatMap((event) => (event.kind === 'manifest' ? [event.outcome] : []));
    assert.ok(manifests.length > 0 && manifests.every((outcome) => outcome === 'existed'));
  });

  it('a copy of an existing image under a new tag writes the root again and reads no content', async () => {
    const source = watched(place());
    const { index } = await giveIndex(source.repository);
    const to = watched(place());
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v1'] });
    const read = source.of('open').length;
    const put = to.of('put').length;
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v2'] });
    assert.equal(source.of('open').length, read);
    assert.deepEqual(to.of('put').slice(put), [index.descriptor.digest]);
    assert.deepEqual(await listOf(to.repository.tags.list()), ['v1', 'v2']);
  });

  it('a copy moves a tag that names another image', async () => {
    const [from, to] = [place(), place()];
    await giveImage(to, image('old'), 'v1');
    const root = await giveImage(from, image('new'), 'v1');
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal((await to.manifests.resolve('v1'))?.digest, root.descriptor.digest);
  });

  it('a copy within a registry mounts the blobs and opens none', async () => {
    const registry = createMemoryRegistry();
    const source = watched(registry.repository('acme/app'));
    const { index, one, two } = await giveIndex(source.repository);
    const opened = source.of('open').length;
    const to = registry.repository('acme/copy');
    const outcomes: string[] = [];
    await copyImage(source.repository, 'v1', to, {
      mountFrom: 'acme/app',
      onEvent: (event) => event.kind === 'blob' && outcomes.push(event.outcome),
    });
    await assertThere(to, index, one, two);
    assert.equal(source.of('open').length, opened);
    assert.deepEqual(outcomes, ['mounted', 'mounted', 'mounted', 'mounted']);
  });

  // id: copy-jobs
  it('a copy moves as many blobs at once as it has jobs', async () => {
    const from = place();
    await giveImage(from, image('a', 'b', 'c', 'd', 'e', 'f'), 'v1');
    for (const jobs of [1, 3]) {
      let [now, most] = [0, 0];
      const source = watched(from, async ({ step }) => {
        if (step !== 'open') return;
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
      });
      await copyImage(source.repository, 'v1', place(), { jobs });
      assert.equal(most, jobs);
    }
  });
});

describe('copyImage of an empty image', () => {
  it('an image with an empty config and no layers is copied', async () => {
    const [from, to] = [place(), place()];
    await give(from, emptyConfig);
    const root = imageOf();
    await from.manifests.put(root);
    await copyImage(from, root.descriptor.digest, to);
    await assertThere(to, root);
  });
});
