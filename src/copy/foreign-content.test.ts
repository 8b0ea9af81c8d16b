import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthError, ContentError, ResponseError, UnsupportedError } from '../errors.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import {
  blobOf,
  emptyConfig,
  failsWith,
  give,
  giveImage,
  indexOf,
  read,
} from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';
import { assertOrder, assertThere, image, manifestOf, place } from './stage.test.support.ts';
import { watched } from './watched.test.support.ts';

async function giveForeign(repository: Repository) {
  const [config, layer, foreign] = [emptyConfig, blobOf('layer'), blobOf('foreign')];
  await give(repository, config, layer, foreign);
  const root = manifestOf(MediaType.dockerManifest, {
    config: { ...config.descriptor, mediaType: MediaType.dockerConfig },
    layers: [
      {
        ...foreign.descriptor,
        mediaType: MediaType.dockerForeignLayer,
        urls: ['https://example.com/base'],
      },
      { ...layer.descriptor, mediaType: MediaType.dockerLayer },
    ],
  });
  await repository.manifests.put(root, { tags: ['v1'] });
  return { root, foreign: foreign.descriptor.digest };
}

describe('copyImage of unusual content', () => {
  it('a copy skips layers that may not be distributed', async () => {
    const source = watched(place());
    const { root, foreign } = await giveForeign(source.repository);
    const to = place();
    const outcomes = new Map<string, string>();
    await copyImage(source.repository, 'v1', to, {
      onEvent: (event) => event.kind === 'blob' && outcomes.set(event.descriptor.digest, event.outcome),
    });
    assert.equal(outcomes.get(foreign), 'skipped');
    assert.equal(await to.blobs.stat(foreign), undefined);
    assert.ok(!source.of('open').includes(foreign));
    assert.ok((await to.manifests.resolve(root.descriptor.digest)) !== undefined);
  });

  it('a copy with nondistributable includes these layers, also after an earlier copy without them', async () => {
    const [from, to, later] = [place(), place(), place()];
    const { root, foreign } = await giveForeign(from);
    const index = indexOf([root.descriptor]);
    await from.manifests.put(index, { tags: ['all'] });
    await copyImage(from, 'v1', to, { nondistributable: true });
    await assertThere(to, root);
    for (const nondistributable of [false, true]) {
      await copyImage(from, 'all', later, { nondistributable });
      assert.equal((await later.blobs.stat(foreign)) !== undefined, nondistributable);
    }
  });

  for (const [name, refuse] of [
    ['MANIFEST_INVALID', () => new ContentError('MANIFEST_INVALID', 'no')],
    ['UNSUPPORTED', () => new UnsupportedError('manifest.put', 'no')],
    [
      'a bare 415',
      () =>
        new ResponseError('UNEXPECTED_STATUS', 'no', {
          response: { method: 'PUT', url: 'http://registry.test', status: 415, errors: [] },
        }),
    ],
  ] as const) {
    it(`unknown-child-refused: a child of an unknown type that is refused as a manifest with ${name} is sent as a blob`, async () => {
      const [from, to] = [place(), place()];
      const thing = manifestOf('application/vnd.acme.thing.v1+json', { acme: true });
      await from.manifests.put(thing);
      const index = indexOf([thing.descriptor]);
      await from.manifests.put(index, { tags: ['v1'] });
      const picky: Repository = {
        ...to,
        manifests: {
          ...to.manifests,
          put: async (manifest, options) => {
            if (manifest.descriptor.digest === thing.descriptor.digest) throw refuse();
            await to.manifests.put(manifest, options);
          },
        },
      };
      await copyImage(from, 'v1', picky, { tags: ['v1'] });
      assert.equal((await to.manifests.resolve('v1'))?.digest, index.descriptor.digest);
      assert.deepEqual(await read(to.blobs.open(thing.descriptor)), thing.bytes);
    });
  }

  it('unknown-child-refused: a copy fails when the refusal of a child concerns the right to push', async () => {
    const [from, to] = [place(), place()];
    const thing = manifestOf('application/vnd.acme.thing.v1+json', { acme: true });
    await from.manifests.put(thing);
    await from.manifests.put(indexOf([thing.descriptor]), { tags: ['v1'] });
    const denied = new AuthError('DENIED', 'no');
    const closed: Repository = {
      ...to,
      manifests: { ...to.manifests, put: () => Promise.reject(denied) },
    };
    await failsWith(copyImage(from, 'v1', closed, { tags: ['v1'] }), 'DENIED');
    assert.equal(await to.blobs.stat(thing.descriptor.digest), undefined);
  });

  it('a copy treats a child of an unknown type as the manifest or the blob that it is at the source', async () => {
    const [from, to] = [place(), watched(place())];
    const thing = manifestOf('application/vnd.acme.thing.v1+json', { acme: true });
    await from.manifests.put(thing);
    const blob = blobOf('a wasm module');
    await give(from, blob);
    const index = indexOf([thing.descriptor, { ...blob.descriptor, mediaType: 'application/wasm' }]);
    await from.manifests.put(index, { tags: ['v1'] });
    await copyImage(from, 'v1', to.repository, { tags: ['v1'] });
    await assertThere(to.repository, index, thing);
    assert.deepEqual(
      to.of('put').toSorted(),
      [thing, index].map(({ descriptor }) => descriptor.digest).toSorted(),
    );
    assert.deepEqual(to.of('wrote'), [blob.descriptor.digest]);
    assertOrder(to.notes, index);
  });

  it('a copy moves a blob once that an image names twice', async () => {
    const [source, to] = [watched(place()), place()];
    await giveImage(source.repository, image('same', 'same'), 'v1');
    await copyImage(source.repository, 'v1', to);
    assert.equal(source.of('open').length, 2);
  });
});
