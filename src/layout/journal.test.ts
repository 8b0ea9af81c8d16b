import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { blobPath } from '../blobfile/blob-file.ts';
import { lookAt } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import { blobOf, failsWith, give, giveImage, listOf } from '../testing/contract/sample.ts';
import { Journal } from './journal.ts';
import { openLayout } from './repository.ts';
import { UndoLog } from './undo-log.ts';

const one = blobOf('one').descriptor.digest;
const two = blobOf('two').descriptor.digest;
const noLinks = process.platform === 'win32' ? 'links need rights' : false;

/** Writes the list that a killed session has left, with the blobs that it names. */
async function left(here: string, text: string, ...blobs: readonly Digest[]): Promise<void> {
  for (const digest of blobs) {
    await mkdir(dirname(blobPath(here, digest)), { recursive: true });
    await writeFile(blobPath(here, digest), 'bytes');
  }
  await writeFile(join(here, '.gantry-blobs'), text);
}

const exists = async (here: string, digest: Digest): Promise<boolean> =>
  (await lookAt(blobPath(here, digest))) !== undefined;

describe('the list of new blobs of a layout', () => {
  it('the next session removes the listed blobs that no manifest names, and the list', async (test) => {
    const here = await folder(test);
    await left(here, `${one}\n${two}\n`, one, two);
    const journal = await Journal.open(here);
    assert.equal(journal.hasLeft, true);
    await journal.end(new Set([two]));
    assert.deepEqual([await exists(here, one), await exists(here, two)], [false, true]);
    assert.equal(await lookAt(join(here, '.gantry-blobs')), undefined);
  });

  it('a blob on which the new session relies, or that it writes again, stays', async (test) => {
    const here = await folder(test);
    await left(here, `${one}\n${two}\n`, one, two);
    const journal = await Journal.open(here);
    journal.adopt(one);
    await journal.note(two);
    await journal.end(new Set());
    assert.deepEqual([await exists(here, one), await exists(here, two)], [true, true]);
  });

  it('a list that a crash has cut removes only blobs with a whole line', async (test) => {
    const here = await folder(test);
    await left(here, `${one}\n${two}\n`, one, two);
    const path = join(here, '.gantry-blobs');
    await truncate(path, (await readFile(path)).byteLength - 5);
    await (await Journal.open(here)).end(new Set());
    assert.deepEqual([await exists(here, one), await exists(here, two)], [false, true]);
  });

  for (const text of ['\0'.repeat(200), '../../secret\n/etc/passwd\n', 'sha256:../../a\n', '']) {
    it(`a list with ${JSON.stringify(text.slice(0, 20))} removes nothing but itself`, async (test) => {
      const here = await folder(test);
      await left(here, text, one);
      await writeFile(join(here, 'secret'), 'mine');
      const journal = await Journal.open(here);
      assert.equal(journal.hasLeft, false);
      await journal.end(new Set());
      assert.deepEqual((await readdir(here)).sort(), ['blobs', 'secret']);
      assert.equal(await exists(here, one), true);
    });
  }

  it('a folder or a link in the place of the list is refused, and nothing is removed', {
    skip: noLinks,
  }, async (test) => {
    const here = await folder(test);
    await left(here, '', one);
    await writeFile(join(here, 'elsewhere'), `${one}\n`);
    for (const harm of [(path: string) => mkdir(path), (path: string) => symlink('elsewhere', path)]) {
      await rm(join(here, '.gantry-blobs'), { recursive: true });
      await harm(join(here, '.gantry-blobs'));
      await failsWith(Journal.open(here), 'IO_FAILED');
      await failsWith(openLayout(here, { mode: 'write' }), 'IO_FAILED');
      assert.equal(await exists(here, one), true);
    }
  });

  it('a list stays with all its blobs while a manifest of the layout cannot be read', async (test) => {
    const here = join(await folder(test), 'layout');
    const image = await (async () => {
      await using layout = await openLayout(here, { mode: 'write' });
      const made = await giveImage(layout, { layers: [blobOf('one')] }, 'v1');
      await layout.commit();
      return made;
    })();
    await left(here, `${one}\n${two}\n`, two);
    await writeFile(blobPath(here, image.descriptor.digest), 'nonsense');
    await (await openLayout(here, { mode: 'write' }))[Symbol.asyncDispose]();
    assert.deepEqual([await exists(here, one), await exists(here, two)], [true, true]);
    await writeFile(blobPath(here, image.descriptor.digest), image.bytes);
    await (await openLayout(here, { mode: 'write' }))[Symbol.asyncDispose]();
    assert.deepEqual([await exists(here, one), await exists(here, two)], [true, false]);
  });
});

describe('the undo log of a layout', () => {
  it('undoing removes the made files and folders, and leaves folders with other files', async (test) => {
    const here = await folder(test);
    await mkdir(join(here, 'before'));
    const log = new UndoLog();
    await log.folder(join(here, 'before'));
    await log.folder(join(here, 'a', 'b', 'c'));
    await log.folder(join(here, 'd'));
    assert.equal(log.made(join(here, 'a', 'b')), true);
    assert.equal(log.made(join(here, 'before')), false);
    await writeFile(join(here, 'a', 'b', 'c', 'file'), '');
    log.file(join(here, 'a', 'b', 'c', 'file'));
    log.file(join(here, 'never written'));
    await writeFile(join(here, 'd', 'of another program'), '');
    await log.undo();
    assert.deepEqual((await readdir(here, { recursive: true })).sort(), [
      'before',
      'd',
      join('d', 'of another program'),
    ]);
  });

  it('nothing is undone after the work has been settled', async (test) => {
    const here = await folder(test);
    const log = new UndoLog();
    await log.folder(join(here, 'a'));
    log.settle();
    await log.undo();
    assert.deepEqual(await readdir(here), ['a']);
  });

  it('a session that is disposed twice or committed twice keeps the images of the first commit', async (test) => {
    const here = join(await folder(test), 'layout');
    const layout = await openLayout(here, { mode: 'write' });
    await giveImage(layout, {}, 'v1');
    await layout.commit();
    await layout.commit();
    await give(layout, blobOf('a blob after the commit'));
    await layout[Symbol.asyncDispose]();
    {
      await using next = await openLayout(here, { mode: 'write' });
      await giveImage(next, {}, 'v2');
      // The second call must not touch the folder, which belongs to the next writer.
      await layout[Symbol.asyncDispose]();
      await next.commit();
    }
    await using reader = await openLayout(here, { mode: 'read' });
    assert.deepEqual(await listOf(reader.tags.list()), ['v1', 'v2']);
    assert.equal((await readdir(join(here, 'blobs', 'sha256'))).length, 2);
  });
});
