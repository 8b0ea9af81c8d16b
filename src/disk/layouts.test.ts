import assert from 'node:assert/strict';
import { truncate } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { blobPath } from '../blobfile/blob-file.ts';
import { openLayout } from '../layout/repository.ts';
import { failsWith, giveImage, indexOf, listOf, read } from '../testing/contract/sample.ts';
import { killedAfter, layer, layoutOf, newPath, within } from './store.test.support.ts';

describe('a repository on disk is an image layout', () => {
  it('a closed store has its tags, its untagged images and all their content in layouts', async (test) => {
    const path = await newPath(test);
    const [tagged, alone] = await within(path, async (registry) => {
      const repository = registry.repository('acme/app');
      const child = await giveImage(repository, { layers: [layer] });
      const index = indexOf([child.descriptor]);
      await repository.manifests.put(index, { tags: ['b', 'a'] });
      const untagged = await giveImage(repository, { annotations: { no: 'tag' } });
      return [index.descriptor, untagged.descriptor];
    });
    const layout = await openLayout(layoutOf(path, 'acme', 'app'), { mode: 'read' });
    assert.deepEqual(await listOf(layout.tags.list()), ['a', 'b']);
    assert.deepEqual(
      (await layout.roots()).map(({ digest }) => digest),
      [tagged?.digest, tagged?.digest, alone?.digest],
    );
    assert.deepEqual(await read(layout.blobs.open(layer.descriptor)), layer.bytes);
  });

  it('the layout of a killed process is complete after the next opening', async (test) => {
    const path = await newPath(test);
    await killedAfter(path, `await giveImage(registry.repository('acme/app'), {}, 'v1');`);
    await failsWith(openLayout(layoutOf(path, 'acme', 'app'), { mode: 'read' }), 'MANIFEST_INVALID');
    await within(path, async () => undefined);
    const layout = await openLayout(layoutOf(path, 'acme', 'app'), { mode: 'read' });
    assert.deepEqual(await listOf(layout.tags.list()), ['v1']);
  });

  it('a layout is complete although a manifest of this or another repository is damaged', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const { descriptor } = await giveImage(
        registry.repository('damaged'),
        { annotations: { is: 'damaged' } },
        'v1',
      );
      await giveImage(registry.repository('whole'), {}, 'v1');
      await truncate(blobPath(layoutOf(path, 'damaged'), descriptor.digest), 10);
    });
    for (const name of ['damaged', 'whole']) {
      const layout = await openLayout(layoutOf(path, name), { mode: 'read' });
      assert.deepEqual(await listOf(layout.tags.list()), ['v1']);
    }
  });

  it('a layout follows moved tags and deletions', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      await giveImage(registry.repository('a'), { annotations: { n: '1' } }, 'gone', 'moved', 'kept');
    });
    const moved = await within(path, async (registry) => {
      const repository = registry.repository('a');
      await repository.tags.delete('gone');
      return giveImage(repository, { annotations: { n: '2' } }, 'moved');
    });
    const layout = await openLayout(layoutOf(path, 'a'), { mode: 'read' });
    assert.deepEqual(await listOf(layout.tags.list()), ['kept', 'moved']);
    assert.deepEqual(await layout.manifests.resolve('moved'), moved.descriptor);
  });
});
