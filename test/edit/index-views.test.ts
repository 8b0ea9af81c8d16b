import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { copyImage } from '../../src/copy/copy.ts';
import { createIndex } from '../../src/image/create-index.ts';
import { mapImages } from '../../src/image/edit/map-images.ts';
import type { Image } from '../../src/image/image.ts';
import type { Index } from '../../src/image/image-index.ts';
import { openImage } from '../../src/image/open-image.ts';
import { openIndex } from '../../src/image/open-index.ts';
import { imageSource } from '../../src/image/source.ts';
import { validate } from '../../src/image/validate.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Repository } from '../../src/store/contract.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { attestationOf, file, imageOf, put, putIndex, tarOf } from './stage.ts';

const names = ['amd64', 'arm64', 's390x', 'riscv64'] as const;
const images = await Promise.all(
  names.map(async (architecture) =>
    imageOf({ layers: [await tarOf(file('a', architecture))], config: { architecture } }),
  ),
);

/** Images in repositories of their own, and an index of the first two with an attestation of the first. */
async function scene(): Promise<{ readonly index: Index; readonly views: readonly Image[] }> {
  const registry = createMemoryRegistry();
  const at = { registry: { registry } };
  const views: Image[] = [];
  for (const [position, image] of images.entries()) {
    await put(at, `image-${position}`, image);
    views.push(openImage(registry.repository(`image-${position}`), image.manifest));
  }
  const entries = images.slice(0, 2).map((image, position) => ({
    image,
    entry: { platform: { os: 'linux', architecture: names[position] }, 'vnd.acme': position },
  }));
  const [first] = images;
  assert.ok(first !== undefined);
  const members = { annotations: { i: '1' }, 'vnd.acme': [1, { x: null }] };
  const manifest = await putIndex(at, 'index', [...entries, attestationOf(first)], members);
  return { index: openIndex(registry.repository('index'), manifest), views };
}

/** Copies a view to an empty place, checks it there, and returns that place. */
async function copied(view: Image | Index): Promise<Repository> {
  const to = createMemoryRegistry().repository('to', { actions: ['pull', 'push'] });
  const source = await imageSource(view);
  await copyImage(source.repository, source.root.digest, to, { tags: ['1'] });
  for await (const { message } of validate(to, await to.manifests.get('1'))) assert.fail(message);
  return to;
}

type Edit = (index: Index, views: readonly Image[]) => Index;

/** Changes images for one platform. Two different ones may become the same image. */
function relabel(index: Index): Index {
  return mapImages(index, (image) => image.withConfig({ labels: { label: 'x' } }), {
    wants: ({ platform }) => platform?.architecture === 'arm64',
  });
}

const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.nat({ max: 3 }).map(
    (at): Edit =>
      (index, views) =>
        index.withImages([{ image: views[at] ?? assert.fail(), annotations: { a: String(at) } }]),
  ),
  fc.nat({ max: 4 }).map(
    (position): Edit =>
      (index) =>
        index.withoutEntries((_, at) => at === position && at > 0),
  ),
  fc.constantFrom('linux', 'linux/amd64').map(
    (platform): Edit =>
      (index) =>
        index.withOnlyPlatforms([platform]),
  ),
  fc.constantFrom('x', null).map(
    (value): Edit =>
      (index) =>
        index.withAnnotations({ a: value }),
  ),
  fc.constant<Edit>(relabel),
);

describe('views of an index', () => {
  it('Any sequence of changes keeps an index valid, without duplicates, and with its unknown members.', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { maxLength: 6 }), async (edits) => {
        const { index, views } = await scene();
        const before = (await index.manifest()).bytes;
        const changed = edits.reduce((view, change) => change(view, views), index);
        const to = await copied(changed);
        const { bytes, body } = await to.manifests.get('1');
        assert.ok(body.kind === 'index');
        assert.deepEqual(JSON.parse(new TextDecoder().decode(bytes))['vnd.acme'], [1, { x: null }]);
        const keys = body.manifests.map(({ digest, platform }) => `${digest} ${JSON.stringify(platform)}`);
        if (!edits.includes(relabel)) assert.equal(new Set(keys).size, keys.length);
        const listed = (await changed.children()).length;
        assert.equal(listed, new Set(body.manifests.map(({ digest }) => digest)).size);
        assert.deepEqual((await index.manifest()).bytes, before);
      }),
      { numRuns: 60 },
    );
  });

  it('A change reads nothing before the view is read, and no image that only stays.', async () => {
    const { index, views } = await scene();
    const { repository } = index.place ?? assert.fail();
    const read: string[] = [];
    const counted: Repository = {
      ...repository,
      manifests: {
        ...repository.manifests,
        get: (reference, options) => {
          read.push(reference);
          return repository.manifests.get(reference, options);
        },
      },
    };
    const [, , image = assert.fail()] = views;
    const view = openIndex(counted, await index.manifest())
      .withImages([{ image }])
      .withoutPlatforms(['linux/amd64']);
    const { body } = await view.manifest();
    assert.deepEqual(
      body.manifests.map(({ platform }) => platform?.architecture),
      ['arm64', 's390x'],
    );
    assert.deepEqual(read, []);
  });

  it('An index without entries is refused, and so are an unknown platform, digest and entry.', async () => {
    const { index, views } = await scene();
    await failsWith(index.withoutEntries(() => true).manifest(), 'MANIFEST_INVALID');
    await failsWith(index.withoutPlatforms(['linux/s390x']).manifest(), 'MANIFEST_UNKNOWN');
    await failsWith(index.withoutDigests([`sha256:${'0'.repeat(64)}`]).manifest(), 'MANIFEST_UNKNOWN');
    await failsWith(index.withOnlyPlatforms(['windows']).manifest(), 'MANIFEST_UNKNOWN');
    assert.throws(() => index.withOnlyPlatforms([]), { code: 'INVALID_OPTION' });
    assert.throws(() => index.withoutPlatforms(['linux']), { code: 'INVALID_OPTION' });
    assert.throws(() => index.withoutDigests(['x']), { code: 'INVALID_DIGEST' });
    const nested = createIndex([{ image: index }, { image: views[0] ?? assert.fail() }]);
    assert.equal(
      (
        await createIndex([])
          .withImages([{ image: nested }])
          .manifest()
      ).body.manifests.length,
      1,
    );
  });

  it('A given platform completes the entry of an image that has none.', async () => {
    const { views } = await scene();
    const [image = assert.fail()] = views;
    const platform = { os: 'linux', architecture: 'arm' };
    const index = createIndex([{ image }]).withImages([{ image, platform, annotations: { a: 'b' } }]);
    const { manifests } = (await index.manifest()).body;
    assert.deepEqual(
      manifests.map((entry) => [entry.platform, entry.annotations]),
      [[platform, { a: 'b' }]],
    );
  });

  it('An image with entries for two platforms keeps one of them when the other is removed.', async () => {
    const { index, views } = await scene();
    const [image = assert.fail()] = views;
    const [v6, v7] = ['v6', 'v7'].map((variant) => ({ os: 'linux', architecture: 'arm', variant }));
    const both = index.withImages([
      { image, platform: v6 },
      { image, platform: v7 },
    ]);
    const left = await both.withoutPlatforms(['linux/arm/v6']).manifest();
    assert.deepEqual(
      left.body.manifests.map(({ platform }) => platform?.variant ?? platform?.architecture),
      ['amd64', 'arm64', 'unknown', 'v7'],
    );
    await copied(both);
  });
});
