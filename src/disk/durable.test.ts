import assert from 'node:assert/strict';
import { access, lstat, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { StorageError } from '../errors.ts';
import { failsWith, listOf } from '../testing/contract/sample.ts';
import { asideAge, asideFolder, asidePath, moveAside, oldAside, removeAside } from './aside.ts';
import { DurableFiles, touch, untilDone } from './durable.ts';

const bytes = new TextEncoder().encode('bytes');
const noLinks = process.platform === 'win32' ? 'links need rights' : false;
const staleName = '01234567-89ab-4cde-8f01-23456789abcd';

describe('durable files', () => {
  it('opening removes half-written files of a killed process, and nothing else', async (test) => {
    const root = await folder(test);
    await mkdir(join(root, 'tmp', 'lost+found'), { recursive: true });
    await writeFile(join(root, 'tmp', staleName), 'half');
    await writeFile(join(root, 'tmp', 'a file of a person'), 'mine');
    await DurableFiles.open(root);
    assert.deepEqual((await readdir(join(root, 'tmp'))).sort(), ['a file of a person', 'lost+found']);
  });

  it('a folder with the name of a half-written file does not keep a store from opening', async (test) => {
    const root = await folder(test);
    await mkdir(join(root, 'tmp', staleName), { recursive: true });
    await DurableFiles.open(root);
    assert.deepEqual(await readdir(join(root, 'tmp')), [staleName]);
  });

  it('a file in the place of a needed folder is moved aside with its bytes', async (test) => {
    const root = await folder(test);
    await writeFile(join(root, 'a'), 'a note of a person');
    const files = await DurableFiles.open(root);
    await files.replace(join(root, 'a', 'b', 'c'), bytes);
    assert.deepEqual(await readFile(join(root, 'a', 'b', 'c')), Buffer.from(bytes));
    const [aside = ''] = await readdir(asideFolder(root));
    assert.match(aside, /\.a$/);
    assert.equal(await readFile(join(asideFolder(root), aside), 'utf8'), 'a note of a person');
  });

  it('a link in the place of a needed folder is refused, since it leads out of the store, and stays', {
    skip: noLinks,
  }, async (test) => {
    const [root, elsewhere] = [await folder(test), await folder(test)];
    await symlink(elsewhere, join(root, 'good'));
    await symlink(join(elsewhere, 'none'), join(root, 'bad'));
    const files = await DurableFiles.open(root);
    for (const name of ['good', 'bad'])
      await failsWith(files.replace(join(root, name, 'file'), bytes), 'IO_FAILED');
    assert.deepEqual(await readdir(elsewhere), []);
    assert.equal((await lstat(join(root, 'good'))).isSymbolicLink(), true);
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  it('a folder in the place of a replaced file is moved aside with its content', async (test) => {
    const root = await folder(test);
    await mkdir(join(root, 'file', 'inside'), { recursive: true });
    const files = await DurableFiles.open(root);
    await files.replace(join(root, 'file'), bytes);
    assert.deepEqual(await readFile(join(root, 'file')), Buffer.from(bytes));
    const [aside = ''] = await readdir(asideFolder(root));
    assert.deepEqual(await readdir(join(asideFolder(root), aside)), ['inside']);
  });

  it('a removed folder is moved aside, a removed file is gone, and a missing one did not exist', async (test) => {
    const root = await folder(test);
    const files = await DurableFiles.open(root);
    await mkdir(join(root, 'folder'));
    await writeFile(join(root, 'file'), '');
    assert.equal(await files.remove(join(root, 'folder')), true);
    assert.equal(await files.remove(join(root, 'file')), true);
    assert.equal(await files.remove(join(root, 'file')), false);
    assert.equal((await readdir(asideFolder(root))).length, 1);
  });

  it('a failed write leaves no half-written file', async (test) => {
    const root = await folder(test);
    const files = await DurableFiles.open(root);
    const broken = new StorageError('NO_SPACE', 'the disk is full', { path: root });
    const filling = files.stage(async (path) => {
      await writeFile(path, 'half');
      throw broken;
    });
    await assert.rejects(filling, (error) => error === broken);
    await writeFile(join(root, 'file'), '');
    await mkdir(join(root, 'aside'));
    await failsWith(files.replace(join(root, 'aside', 'x'.repeat(300)), bytes), 'IO_FAILED');
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  it('a lost lock stops a write before the file gets its name', async (test) => {
    const root = await folder(test);
    const lost = new StorageError('IO_FAILED', 'the lock is lost', { path: root });
    const files = await DurableFiles.open(root, { check: () => Promise.reject(lost) });
    await assert.rejects(files.replace(join(root, 'file'), bytes), (error) => error === lost);
    await assert.rejects(access(join(root, 'file')), { code: 'ENOENT' });
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  it('concurrent replacements of one file leave one whole file of them', async (test) => {
    const root = await folder(test);
    const files = await DurableFiles.open(root);
    const texts = Array.from({ length: 20 }, (_, at) => `${at}`.repeat(1000));
    await Promise.all(texts.map((text) => files.replace(join(root, 'a', 'file'), Buffer.from(text))));
    assert.ok(texts.includes(await readFile(join(root, 'a', 'file'), 'utf8')));
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  it('a sync that fails is reported to each caller, and the next sync starts anew', async (test) => {
    const root = await folder(test);
    const files = await DurableFiles.open(root);
    const late = join(root, 'late');
    const results = await Promise.allSettled([files.synced(late), files.synced(late), files.synced(late)]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected'],
    );
    await mkdir(late);
    await files.synced(late);
  });

  it('touching a missing file says so', async (test) => {
    const root = await folder(test);
    assert.equal(await touch(join(root, 'none')), false);
    await writeFile(join(root, 'file'), '');
    await utimes(join(root, 'file'), new Date(0), new Date(0));
    assert.equal(await touch(join(root, 'file')), true);
    assert.ok((await stat(join(root, 'file'))).mtimeMs > 0);
  });

  it('a task that something undoes each time ends with an error, and is not repeated for ever', async () => {
    let tries = 0;
    const undone = untilDone('/file', async () => {
      tries++;
      return false;
    });
    await failsWith(undone, 'IO_FAILED');
    assert.ok(tries > 1 && tries < 100);
    await untilDone('/file', async () => ++tries > 3);
  });
});

describe('things that were moved aside', () => {
  it('only things with the name of a moved thing, older than the limit, are removed', async (test) => {
    const root = await folder(test);
    await mkdir(asideFolder(root));
    const old = `${Date.now() - asideAge - 1000}.${staleName}.old`;
    const young = `${Date.now()}.${staleName}.young`;
    const foreign = 'a note of a person';
    await mkdir(join(asideFolder(root), old, 'inside'), { recursive: true });
    for (const name of [young, foreign]) {
      await writeFile(join(asideFolder(root), name), 'bytes');
      await utimes(join(asideFolder(root), name), new Date(0), new Date(0));
    }
    const found = await listOf(oldAside(root, Date.now() - asideAge));
    assert.deepEqual(found, [{ path: join(asideFolder(root), old), size: 0 }]);
    for (const thing of found) await removeAside(thing);
    assert.deepEqual((await readdir(asideFolder(root))).sort(), [young, foreign].sort());
  });

  it('a thing of an older version has no time in its name, and its file has the time', async (test) => {
    const root = await folder(test);
    await mkdir(asideFolder(root));
    await writeFile(join(asideFolder(root), `${staleName}.old`), 'bytes');
    assert.deepEqual(await listOf(oldAside(root, Date.now() - 60_000)), []);
    const [found] = await listOf(oldAside(root, Date.now() + 60_000));
    assert.equal(found?.size, 5);
  });

  it('two things of one name are both kept, and a missing one is no error', async (test) => {
    const root = await folder(test);
    for (const text of ['one', 'two']) {
      await writeFile(join(root, 'file'), text);
      await moveAside(root, join(root, 'file'));
    }
    await moveAside(root, join(root, 'file'));
    const names = await readdir(asideFolder(root));
    const texts = await Promise.all(names.map((name) => readFile(join(asideFolder(root), name), 'utf8')));
    assert.deepEqual(texts.sort(), ['one', 'two']);
    assert.notEqual(asidePath(root, 'file'), asidePath(root, 'file'));
  });
});
