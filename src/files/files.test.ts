import assert from 'node:assert/strict';
import { chmod, lstat, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { ContentError, isGantryError, StorageError } from '../errors.ts';
import { failsWith } from '../testing/contract/sample.ts';
import {
  absentAs,
  isUnreadable,
  lookAt,
  makeFolder,
  moveFile,
  onDisk,
  openRegular,
  removeFile,
  removeTemporaries,
  replaceFile,
  syncFile,
  unlessUnreadable,
} from './files.ts';
import { replaceOrOverwrite } from './in-place.ts';
import { readSmall, readUpTo } from './read-small.ts';

const posix = process.platform === 'win32' ? 'Windows has no modes and no such links' : false;
const old = new TextEncoder().encode('the old bytes');
const fresh = new TextEncoder().encode('fresh');

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code, syscall: 'open' });
}

async function thrown(task: () => Promise<unknown>): Promise<StorageError> {
  const error = await task().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof StorageError, String(error));
  return error;
}

describe('an error of the system', () => {
  for (const [code, kind] of [
    ['ENOSPC', 'NO_SPACE'],
    ['EDQUOT', 'NO_SPACE'],
    ['EACCES', 'NO_PERMISSION'],
    ['EROFS', 'NO_PERMISSION'],
    ['EIO', 'IO_FAILED'],
    ['EXOTIC', 'IO_FAILED'],
  ] as const) {
    it(`the system's ${code} becomes ${kind} with the path and the cause`, async () => {
      const cause = systemError(code);
      const error = await thrown(() => onDisk('/the/path', () => Promise.reject(cause)));
      assert.equal(error.code, kind);
      assert.equal(error.path, '/the/path');
      assert.equal(error.cause, cause);
    });
  }

  it('an error that is not of the system passes through onDisk unchanged', async () => {
    for (const error of [new Error('mine'), new ContentError('DIGEST_INVALID', 'spoilt'), 'text']) {
      const rejected = onDisk('/the/path', () => Promise.reject(error));
      await assert.rejects(rejected, (reason) => reason === error);
    }
  });

  for (const [code, unreadable] of [
    ['EIO', true],
    ['EISDIR', true],
    ['EACCES', true],
    ['EFBIG', true],
    ['EMFILE', false],
    ['EAGAIN', false],
    ['ESTALE', false],
    ['ENOSPC', false],
  ] as const) {
    it(`${code} ${unreadable ? 'concerns one file only' : 'says nothing about the file'}`, async () => {
      const error = await thrown(() => onDisk('/f', () => Promise.reject(systemError(code))));
      assert.equal(isUnreadable(error), unreadable);
      if (unreadable) assert.equal(unlessUnreadable(error), undefined);
      else
        assert.throws(
          () => unlessUnreadable(error),
          (reason) => reason === error,
        );
    });
  }

  it('a fault in the program never counts as an unreadable file', () => {
    const fault = new TypeError('a fault');
    assert.throws(() => unlessUnreadable(fault), fault);
    assert.equal(isUnreadable(new ContentError('DIGEST_INVALID', 'spoilt')), false);
    assert.equal(isUnreadable(new ContentError('TOO_LARGE', 'large')), true);
  });

  it('a file below a file is absent, and a refused look is no absence', async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, old);
    assert.equal(await lookAt(join(path, 'below')), undefined);
    await assert.rejects(absentAs('absent', Promise.reject(systemError('EACCES'))), { code: 'EACCES' });
  });
});

describe('a file that is opened for reading', () => {
  it('a missing file gives undefined to every reader', async (test) => {
    const path = join(await folder(test), 'none');
    assert.equal(await openRegular(path), undefined);
    assert.equal(await readSmall(path, 10), undefined);
    assert.equal(await readUpTo(path, 10), undefined);
  });

  it('a folder, a link, a link to itself and a socket are refused', { skip: posix }, async (test) => {
    const here = await folder(test);
    await writeFile(join(here, 'target'), old);
    await mkdir(join(here, 'a folder'));
    await symlink('target', join(here, 'a link'));
    await symlink('a circle', join(here, 'a circle'));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(here, 'a socket'), resolve));
    try {
      for (const name of ['a folder', 'a link', 'a circle', 'a socket']) {
        await failsWith(openRegular(join(here, name)), 'IO_FAILED');
        await failsWith(readSmall(join(here, name), 100), 'IO_FAILED');
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('a file of exactly the limit is read, and one more byte is too large', async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, old);
    assert.deepEqual(Buffer.from((await readSmall(path, old.byteLength)) ?? []), Buffer.from(old));
    const refused = readSmall(path, old.byteLength - 1);
    await assert.rejects(
      refused,
      (error) => isGantryError(error, 'TOO_LARGE') && error.message.includes(path),
    );
    const seen = await readUpTo(path, old.byteLength - 1);
    assert.deepEqual([seen?.bytes, seen?.stats.size], [undefined, old.byteLength]);
  });

  it('a file of the size zero is read as no bytes, and not as absent', async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, old);
    await truncate(path, 0);
    assert.equal((await readSmall(path, 0))?.byteLength, 0);
  });
});

describe('replacing a file', () => {
  it('a replaced file has the new bytes, and no temporary file stays', async (test) => {
    const here = await folder(test);
    const path = join(here, 'file');
    await replaceFile(path, old);
    await replaceFile(path, fresh);
    assert.equal(await readFile(path, 'utf8'), 'fresh');
    assert.deepEqual(await readdir(here), ['file']);
  });

  it('a replacement that fails leaves the folder as it was', async (test) => {
    const here = await folder(test);
    await mkdir(join(here, 'file'));
    await failsWith(replaceFile(join(here, 'file'), fresh), 'IO_FAILED');
    await failsWith(replaceFile(join(here, 'no folder', 'file'), fresh), 'IO_FAILED');
    assert.deepEqual(await readdir(here), ['file']);
  });

  it('a replaced file keeps the mode of the old one under any umask', {
    skip: posix,
  }, async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, old);
    await chmod(path, 0o666);
    await replaceFile(path, fresh, { like: await stat(path), mode: 0o600 });
    assert.equal((await stat(path)).mode & 0o777, 0o666);
  });

  it('root gives a replaced file to the owner of the old one', {
    skip: process.getuid?.() === 0 ? false : 'only root gives files away',
  }, async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, old);
    const like = Object.assign(await stat(path), { uid: 1234, gid: 4321 });
    await replaceFile(path, fresh, { like });
    const { uid, gid } = await stat(path);
    assert.deepEqual([uid, gid], [1234, 4321]);
  });

  it('a link is replaced and its target stays unchanged', { skip: posix }, async (test) => {
    const here = await folder(test);
    await writeFile(join(here, 'target'), old);
    await symlink('target', join(here, 'link'));
    await replaceFile(join(here, 'link'), fresh);
    assert.equal((await lstat(join(here, 'link'))).isFile(), true);
    assert.equal(await readFile(join(here, 'target'), 'utf8'), 'the old bytes');
  });

  it('replaceOrOverwrite overwrites no file in place when the rename fails for another reason than a mount', async (test) => {
    const here = await folder(test);
    await mkdir(join(here, 'file'));
    const like = await stat(join(here, 'file'));
    // A folder in the place of the file is no mount point.
    await failsWith(replaceOrOverwrite(join(here, 'file'), fresh, { like }), 'IO_FAILED');
    await failsWith(replaceOrOverwrite(join(here, 'none', 'file'), fresh), 'IO_FAILED');
    assert.deepEqual(await readdir(here), ['file']);
  });
});

describe('temporary files of a killed process', () => {
  const id = '01234567-89ab-4cde-8f01-23456789abcd';

  it('only the temporary files of the named file are removed, and of all files without a name', async (test) => {
    const here = await folder(test);
    const names = [
      `a.${id}.tmp`,
      `ab.${id}.tmp`,
      'a',
      'a.tmp',
      `a.${id}.tmp.more`,
      `a.${id.toUpperCase()}.tmp`,
    ];
    for (const name of names) await writeFile(join(here, name), '');
    await removeTemporaries(here, 'a');
    assert.deepEqual((await readdir(here)).sort(), names.slice(1).sort());
    await removeTemporaries(here);
    assert.deepEqual((await readdir(here)).sort(), names.slice(2).sort());
  });

  it('the temporaries of a missing folder are an error that names the folder', async (test) => {
    const path = join(await folder(test), 'none');
    const error = await thrown(() => removeTemporaries(path));
    assert.deepEqual([error.code, error.path], ['IO_FAILED', path]);
  });
});

describe('small steps on the disk', () => {
  it('a file in the place of a folder is named as the reason', async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, old);
    for (const wanted of [path, join(path, 'below')]) {
      const error = await thrown(() => makeFolder(wanted));
      assert.equal(error.code, 'IO_FAILED');
      assert.equal(error.path, wanted);
    }
  });

  it('makeFolder returns the first folder that it made, and nothing for an existing one', async (test) => {
    const here = await folder(test);
    assert.equal(await makeFolder(join(here, 'a', 'b', 'c')), join(here, 'a'));
    assert.equal(await makeFolder(join(here, 'a', 'b')), undefined);
  });

  it('removing a missing file is no error, and removing a folder as a file is one', async (test) => {
    const here = await folder(test);
    assert.equal(await removeFile(join(here, 'none')), false);
    await writeFile(join(here, 'file'), '');
    assert.equal(await removeFile(join(here, 'file')), true);
    await mkdir(join(here, 'folder'));
    await failsWith(removeFile(join(here, 'folder')), 'IO_FAILED');
  });

  it('a moved file and a synced file that do not exist are errors with their path', async (test) => {
    const here = await folder(test);
    const moved = await thrown(() => moveFile(join(here, 'none'), join(here, 'to')));
    assert.equal(moved.path, join(here, 'to'));
    assert.equal((await thrown(() => syncFile(join(here, 'none')))).path, join(here, 'none'));
  });
});
