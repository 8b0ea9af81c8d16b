import assert from 'node:assert/strict';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lookAt, removeFile } from '../files/files.ts';
import { blobOf, give } from '../testing/contract/sample.ts';
import { RepositoryFolder } from './folder.ts';
import { emptyTrash, putAside, removeWithTrash } from './removal.ts';
import { newPath, within } from './store.test.support.ts';

describe('a deletion beside a collection of garbage', () => {
  it('a deleted blob that a collection has aside does not come back', async (test) => {
    const path = await newPath(test);
    const layer = blobOf('a layer');
    const { digest } = layer.descriptor;
    await within(path, async (registry) => {
      const app = registry.repository('app');
      await give(app, layer);
      const folder = new RepositoryFolder(join(path, 'repositories'), 'app');
      assert.deepEqual(await putAside(folder, 'blobs', [digest], { dryRun: false, before: 0 }), [digest]);
      assert.equal(await app.blobs.delete(digest), true);
      await emptyTrash(folder, 'blobs');
      assert.equal(await app.blobs.stat(digest), undefined);
    });
  });

  it('a file that a collection returns during its removal is removed', async (test) => {
    const folder = await newPath(test);
    await mkdir(folder, { recursive: true });
    const [path, trash] = [join(folder, 'file'), join(folder, 'trash')];
    await writeFile(trash, 'content');
    let calls = 0;
    const remove = async (file: string): Promise<boolean> => {
      const removed = await removeFile(file);
      if (++calls === 1) await rename(trash, path);
      return removed;
    };
    assert.equal(await removeWithTrash({ remove }, path, trash), true);
    assert.equal(await lookAt(path), undefined);
    assert.equal(await lookAt(trash), undefined);
  });

  it('the removal of a missing file tells that it did not exist', async (test) => {
    const folder = await newPath(test);
    assert.equal(await removeWithTrash({ remove: removeFile }, join(folder, 'a'), join(folder, 'b')), false);
  });
});
