import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { makeDraft } from './draft.ts';

/** Makes a draft with a file in another process, which is then killed. Returns the name of the draft. */
async function killedDraft(parent: string): Promise<string> {
  const code = `
    const { makeDraft } = await import(${JSON.stringify(new URL('./draft.js', import.meta.url).href)});
    const { writeFile } = await import('node:fs/promises');
    const draft = await makeDraft(${JSON.stringify(parent)});
    await writeFile(draft.path + '/half', 'half a layer');
    await new Promise((done) => process.stdout.write(draft.path, done));
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGKILL');
  return said.slice(parent.length + 1);
}

const noKill = process.platform === 'win32' ? 'Windows has no signals' : false;

describe('a draft', () => {
  it('a disposed draft leaves nothing, also if it has files', async (test) => {
    const here = await folder(test);
    const draft = await makeDraft(here);
    await mkdir(join(draft.path, 'a', 'b'), { recursive: true });
    await writeFile(join(draft.path, 'a', 'b', 'c'), 'bytes');
    await draft[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(here), []);
  });

  it('the next draft removes the draft of a killed process, and none of a living one', {
    skip: noKill,
  }, async (test) => {
    const here = await folder(test);
    await using living = await makeDraft(here);
    const killed = await killedDraft(here);
    assert.equal((await readdir(here)).includes(killed), true);
    await using next = await makeDraft(here);
    const left = (await readdir(here)).map((name) => join(here, name)).sort();
    assert.deepEqual(left, [living.path, next.path].sort());
  });

  it('two processes that remove the same killed draft at once both get their own', {
    skip: noKill,
  }, async (test) => {
    const here = await folder(test);
    for (let n = 0; n < 3; n++) await killedDraft(here);
    const drafts = await Promise.all(Array.from({ length: 4 }, () => makeDraft(here)));
    assert.deepEqual(
      (await readdir(here)).map((name) => join(here, name)).sort(),
      drafts.map(({ path }) => path).sort(),
    );
    await Promise.all(drafts.map((draft) => draft[Symbol.asyncDispose]()));
    assert.deepEqual(await readdir(here), []);
  });

  it('a draft of another user stays, although its process has ended', {
    skip: process.getuid?.() === 0 ? false : 'only root gives folders away',
  }, async (test) => {
    const here = await folder(test);
    const killed = await killedDraft(here);
    await chown(join(here, killed), 1234, 1234);
    await (await makeDraft(here))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(here), [killed]);
  });

  it('a draft without a lock goes only after a long silence, by the clock of its disk', async (test) => {
    const here = await folder(test);
    const [young, silent] = ['.gantry-draft-young1', '.gantry-draft-silent'];
    for (const name of [young, silent]) await mkdir(join(here, name));
    const past = new Date(Date.now() - 3_600_000);
    await utimes(join(here, silent), past, past);
    await (await makeDraft(here))[Symbol.asyncDispose]();
    assert.deepEqual(await readdir(here), [young]);
  });

  it('files, links and folders of other names stay beside a draft', { skip: noKill }, async (test) => {
    const here = await folder(test);
    const past = new Date(0);
    await writeFile(join(here, '.gantry-draft-a file'), 'bytes');
    await writeFile(join(here, '.gantry-draft-afile1'), 'bytes');
    await mkdir(join(here, '.gantry-draft-longer1'));
    await mkdir(join(here, 'mine'));
    await symlink('mine', join(here, '.gantry-draft-alink1'));
    for (const name of ['.gantry-draft-afile1', '.gantry-draft-longer1', 'mine'])
      await utimes(join(here, name), past, past);
    const before = (await readdir(here)).sort();
    await (await makeDraft(here))[Symbol.asyncDispose]();
    assert.deepEqual((await readdir(here)).sort(), before);
  });

  it('a draft in a missing folder, or below a file, is an error that leaves nothing', async (test) => {
    const here = await folder(test);
    await failsWith(makeDraft(join(here, 'none')), 'IO_FAILED');
    await writeFile(join(here, 'file'), '');
    await failsWith(makeDraft(join(here, 'file')), 'IO_FAILED');
    assert.deepEqual(await readdir(here), ['file']);
  });
});
