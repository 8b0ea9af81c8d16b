import assert from 'node:assert/strict';
import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { blobOf } from '../testing/contract/sample.ts';
import { commandJournal } from './upload-notes.ts';

const key = {
  place: 'https://registry.example',
  repository: 'acme/app',
  digest: blobOf('a layer').descriptor.digest,
  size: 64 * 1024 * 1024,
};

describe('the notes of uploads that each command makes', () => {
  it('a command notes, finds and forgets an upload in the state folder', async (test) => {
    const root = await folder(test);
    const journal = commandJournal({ GANTRY_STATE_DIR: join(root, 'state') });
    assert(journal?.turn !== undefined);
    await using turn = await journal.turn(key);
    assert.equal(turn.waited, false);
    assert.equal(await journal.find(key), undefined);
    await journal.note(key, 'one');
    assert.equal(await journal.find(key), 'one');
    await journal.forget(key);
    assert.equal(await journal.find(key), undefined);
  });

  it('an upload below 64 MiB makes no state folder', async (test) => {
    const root = await folder(test);
    const journal = commandJournal({ GANTRY_STATE_DIR: join(root, 'state') });
    const small = { ...key, size: key.size - 1 };
    await using turn = await journal?.turn?.(small);
    await journal?.note(small, 'one');
    assert.deepEqual([turn?.waited, await readdir(root)], [false, []]);
  });

  it('a state folder without permission turns the notes off without an error', {
    skip: process.getuid?.() === 0 ? false : 'only root gives folders away',
  }, async (test) => {
    const root = await folder(test);
    mkdirSync(join(root, 'uploads'));
    chownSync(join(root, 'uploads'), 1234, 1234);
    const journal = commandJournal({ GANTRY_STATE_DIR: root });
    await using turn = await journal?.turn?.(key);
    await journal?.note(key, 'one');
    assert.deepEqual([turn?.waited, await journal?.find(key)], [false, undefined]);
  });

  it('another failure of the state folder is an error of the journal', async (test) => {
    const root = await folder(test);
    writeFileSync(join(root, 'file'), '');
    const journal = commandJournal({ GANTRY_STATE_DIR: join(root, 'file') });
    await assert.rejects(async () => journal?.turn?.(key), { code: 'IO_FAILED' });
  });

  it('a command makes no notes with GANTRY_STATE_DIR=none', () => {
    assert.equal(commandJournal({ GANTRY_STATE_DIR: 'none' }), undefined);
  });
});
