import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { folder } from '../../../test/folder.ts';
import { openLogFile } from './log-file.ts';

const none = { onProblem: (error: unknown) => assert.fail(String(error)) };
const noFull = existsSync('/dev/full') ? false : 'this system has no /dev/full';

describe('openLogFile', () => {
  it('openLogFile appends lines, in which it escapes characters that would end them', async (test) => {
    const path = join(await folder(test), 'log');
    for (const text of ['first', 'second\nforged']) {
      await using log = await openLogFile(path, none);
      log.write(text);
    }
    assert.equal(await readFile(path, 'utf8'), 'first\nsecond\\u000aforged\n');
  });

  it('openLogFile rejects for a folder that does not exist', async (test) => {
    const path = join(await folder(test), 'missing', 'log');
    await assert.rejects(openLogFile(path, none), { code: 'IO_FAILED', path });
  });

  it('reopen continues in a new file after the old one was moved away', async (test) => {
    const path = join(await folder(test), 'log');
    {
      await using log = await openLogFile(path, none);
      log.write('before');
      await rename(path, `${path}.1`);
      log.write('between');
      await log.reopen();
      log.write('after');
    }
    assert.equal(await readFile(path, 'utf8'), 'after\n');
    // The old file is closed at its own time.
    while ((await readFile(`${path}.1`, 'utf8')) !== 'before\nbetween\n') await setImmediate();
  });

  it('reopen that fails is reported once, and the lines stay in the old file', async (test) => {
    const dir = join(await folder(test), 'logs');
    await mkdir(dir);
    const problems: unknown[] = [];
    {
      await using log = await openLogFile(join(dir, 'log'), { onProblem: (error) => problems.push(error) });
      await rename(dir, `${dir}.1`);
      await log.reopen();
      await log.reopen();
      log.write('kept');
    }
    assert.equal(problems.length, 1);
    assert.match(String(problems[0]), /no such file or directory/);
    assert.equal(await readFile(join(`${dir}.1`, 'log'), 'utf8'), 'kept\n');
  });

  it('a full disk is reported once until the log is opened again', { skip: noFull }, async (test) => {
    const path = join(await folder(test), 'log');
    await symlink('/dev/full', path);
    const problems: unknown[] = [];
    {
      await using log = await openLogFile(path, { onProblem: (error) => problems.push(error) });
      for (let line = 0; line < 3; line++) log.write('lost');
      while (problems.length === 0) await setImmediate();
      log.write('lost');
      await log.reopen();
      log.write('lost');
      while (problems.length === 1) await setImmediate();
      await unlink(path);
      await log.reopen();
      log.write('written');
    }
    assert.deepEqual(
      problems.map((error) => /ENOSPC/.test(String(error))),
      [true, true],
    );
    assert.equal(await readFile(path, 'utf8'), 'written\n');
  });

  it('lines beyond 8 MiB that the disk has not taken are dropped and reported once', async (test) => {
    const path = join(await folder(test), 'log');
    const problems: unknown[] = [];
    const line = 'x'.repeat(1024 * 1024);
    {
      await using log = await openLogFile(path, { onProblem: (error) => problems.push(error) });
      // All in one turn of the event loop, in which no write can end.
      for (let n = 0; n < 12; n++) log.write(line);
    }
    assert.equal(problems.length, 1);
    assert.match(String(problems[0]), /cannot be written/);
    assert.equal((await readFile(path)).byteLength, 8 * (line.length + 1));
    await rm(path);
  });
});
