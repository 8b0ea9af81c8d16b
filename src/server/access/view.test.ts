import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../../memory/registry.ts';
import { blobOf, failsWith, give, giveImage, listOf } from '../../testing/contract/sample.ts';
import { registryContract } from '../../testing/contract.ts';
import { fullRights, type Right, type Rights } from './rules.ts';
import { createSigner } from './signer.ts';
import { type Viewer, viewOf } from './view.ts';

const signer = createSigner(new Uint8Array(32), 'upload sessions');

function viewer(rights: Rights): Viewer {
  return { user: 'alice', rights, signer };
}

/** Gives these rights in `mine` and no rights elsewhere. */
function only(...rights: readonly Right[]): Rights {
  return {
    may: (right, repository) => repository === 'mine' && rights.includes(right),
    some: true,
    pullAll: false,
  };
}

registryContract('a registry as somebody with every right sees it', () =>
  viewOf(createMemoryRegistry(), viewer(fullRights)),
);

describe('a registry as somebody with few rights sees it', () => {
  it('a user finds no blob of a repository without the right to pull from it, named or not', async () => {
    const registry = createMemoryRegistry();
    const layer = blobOf('a layer');
    await give(registry.repository('theirs'), layer);
    const { blobs } = viewOf(registry, viewer(only('pull', 'create'))).repository('mine');
    const { digest } = layer.descriptor;
    for (const from of [{ from: 'theirs' }, { from: '../theirs' }, {}]) {
      assert.equal(await blobs.mount(digest, from), undefined);
    }
    assert.deepEqual(await listOf(viewOf(registry, viewer(only('pull'))).repositories()), []);
  });

  it('a user with the right to create only cannot move tags', async () => {
    const registry = createMemoryRegistry();
    const repository = viewOf(registry, viewer(only('pull', 'create'))).repository('mine');
    const first = await giveImage(repository, {}, 'v1');
    await repository.manifests.put(first, { tags: ['v1', 'v2'] });
    await failsWith(giveImage(repository, { annotations: { is: 'another' } }, 'v3', 'v1'), 'DENIED');
    assert.deepEqual(await listOf(repository.tags.list()), ['v1', 'v2']);
    const pusher = viewOf(registry, viewer(only('pull', 'create', 'push'))).repository('mine');
    const second = await giveImage(pusher, { annotations: { is: 'another' } }, 'v1');
    assert.deepEqual(await repository.manifests.resolve('v1'), second.descriptor);
  });

  it('a user has no session that another user began', async () => {
    const registry = createMemoryRegistry();
    const own = viewer(fullRights);
    const { id } = await viewOf(registry, own).repository('mine').blobs.start();
    const others: readonly [who: Viewer, repository: string, id: string][] = [
      [{ ...own, user: 'bob' }, 'mine', id],
      [{ ...own, user: undefined }, 'mine', id],
      [own, 'theirs', id],
      [own, 'mine', id.slice(0, id.lastIndexOf('.'))],
      [own, 'mine', `${id}x`],
    ];
    for (const [who, repository, asked] of others) {
      const { blobs } = viewOf(registry, who).repository(repository);
      await failsWith(blobs.resume(asked), 'BLOB_UPLOAD_UNKNOWN');
    }
    assert.equal((await viewOf(registry, own).repository('mine').blobs.resume(id)).id, id);
  });
});
