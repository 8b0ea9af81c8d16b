import assert from 'node:assert/strict';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { makeFreshFolder } from './fresh-folder.ts';

describe('a folder that appears at the end', () => {
  it('is at its path after the end, with its content, and nothing is beside it', async (test) => {
    const home = await folder(test);
    mkdirSync(join(home, 'empty'));
    for (const name of ['new', 'empty']) {
      await using fresh = await makeFreshFolder(join(home, name));
      writeFileSync(join(fresh.base, 'a'), name);
      await fresh.finish();
    }
    assert.equal(readFileSync(join(home, 'empty/a'), 'utf8'), 'empty');
    assert.deepEqual(readdirSync(home).sort(), ['empty', 'new']);
  });

  it('leaves nothing if it is disposed before', async (test) => {
    const home = await folder(test);
    {
      await using fresh = await makeFreshFolder(join(home, 'new'));
      writeFileSync(join(fresh.base, 'a'), '');
    }
    assert.deepEqual(readdirSync(home), []);
  });

  it('is refused where something is, or where no folder can be', async (test) => {
    const home = await folder(test);
    mkdirSync(join(home, 'full'));
    writeFileSync(join(home, 'full/a'), '');
    symlinkSync('nothing', join(home, 'link'));
    for (const [path, code] of [
      ['full', 'INVALID_OPTION'],
      ['full/a', 'INVALID_OPTION'],
      ['link', 'INVALID_OPTION'],
      ['none/new', 'NAME_UNKNOWN'],
    ] as const)
      await assert.rejects(makeFreshFolder(join(home, path)), { code }, path);
    assert.deepEqual(readdirSync(home).sort(), ['full', 'link']);
  });

  it('never takes the place of the current folder', async (test) => {
    const home = await folder(test);
    const before = process.cwd();
    mkdirSync(join(home, 'here'));
    process.chdir(join(home, 'here'));
    atEnd(test, () => process.chdir(before));
    for (const path of ['.', join(home, 'here')])
      await assert.rejects(makeFreshFolder(path), {
        code: 'INVALID_OPTION',
        message: /is the current folder/,
      });
  });

  it('does not replace content that comes to its path meanwhile', async (test) => {
    const home = await folder(test);
    mkdirSync(join(home, 'empty'));
    await using fresh = await makeFreshFolder(join(home, 'empty'));
    writeFileSync(join(home, 'empty/other'), 'work of another program');
    await assert.rejects(fresh.finish());
    assert.equal(readFileSync(join(home, 'empty/other'), 'utf8'), 'work of another program');
  });

  it('fails if another process moves it while it is written, and its base still leads to it', {
    skip: process.platform !== 'linux' && 'only Linux opens folders by their handles',
  }, async (test) => {
    const [home, away] = [await folder(test), join(await folder(test), 'away')];
    await using fresh = await makeFreshFolder(join(home, 'new'));
    renameSync(readlinkSync(fresh.base), away);
    writeFileSync(join(fresh.base, 'a'), 'a');
    assert.equal(readFileSync(join(away, 'a'), 'utf8'), 'a');
    await assert.rejects(fresh.finish(), {
      code: 'IO_FAILED',
      message: /another process has moved the folder/,
    });
  });
});
