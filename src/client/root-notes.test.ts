import assert from 'node:assert/strict';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { digestOf } from '../flow/hash.ts';
import type { RootNote } from '../store/known-roots.ts';
import { createRootNotes } from './root-notes.ts';

const digest = digestOf(new TextEncoder().encode('root'));
const place = 'https://registry.test';
const roots: RootNote = [
  [digest, digest],
  ['v1', digest],
];

describe('the notes on roots', () => {
  it('a note is found for its place and repository only', async (test) => {
    const path = join(await folder(test), 'roots');
    await createRootNotes(path).note(place, 'app', roots);
    const notes = createRootNotes(path);
    assert.deepEqual(await notes.find(place, 'app'), roots);
    assert.deepEqual(await notes.find(place, 'other'), []);
    assert.deepEqual(await notes.find('https://other.test', 'app'), []);
  });

  it('only the owner reads the notes, whose names and content tell no repository', async (test) => {
    const path = join(await folder(test), 'roots');
    await createRootNotes(path).note(place, 'acme/secret-project', roots);
    const names = await readdir(path);
    const [name = ''] = names;
    assert.equal(names.length, 1);
    assert.match(name, /^[0-9a-f]{64}\.json$/);
    assert.doesNotMatch(await readFile(join(path, name), 'utf8'), /secret-project|registry\.test/);
    if (process.platform === 'win32') return;
    assert.equal((await stat(join(path, name))).mode & 0o777, 0o600);
    assert.equal((await stat(path)).mode & 0o777, 0o700);
  });

  it('a note keeps the 500 newest references', async (test) => {
    const notes = createRootNotes(await folder(test));
    await notes.note(
      place,
      'app',
      Array.from({ length: 600 }, (_, at) => [`v${at}`, digest] as const),
    );
    const found = await notes.find(place, 'app');
    assert.deepEqual([found.length, found[0], found.at(-1)], [500, ['v100', digest], ['v599', digest]]);
  });

  for (const [title, text] of [
    ['is cut off', '{"version":1,"roots":[["v1'],
    ['is of another version', JSON.stringify({ version: 2, roots })],
    ['is no object', '7'],
    ['has no list', '{"version":1,"roots":{}}'],
    ['is empty', ''],
  ] as const) {
    it(`a note that ${title} counts as missing`, async (test) => {
      const path = await folder(test);
      const notes = createRootNotes(path);
      await notes.note(place, 'app', roots);
      const [name = ''] = await readdir(path);
      await writeFile(join(path, name), text);
      assert.deepEqual(await notes.find(place, 'app'), []);
    });
  }

  it('entries that no copy can have written are left out', async (test) => {
    const path = await folder(test);
    const notes = createRootNotes(path);
    await notes.note(place, 'app', roots);
    const [name = ''] = await readdir(path);
    const other = digestOf(new TextEncoder().encode('other'));
    const wrong = [['v1', 'no digest'], ['../v1', digest], [other, digest], 'v1', ['v1'], [1, digest]];
    await writeFile(join(path, name), JSON.stringify({ version: 1, roots: [...wrong, ['v2', digest]] }));
    assert.deepEqual(await notes.find(place, 'app'), [['v2', digest]]);
  });

  it('a note above the limit is refused with its size', async (test) => {
    const path = await folder(test);
    const notes = createRootNotes(path);
    await notes.note(place, 'app', roots);
    const [name = ''] = await readdir(path);
    await writeFile(join(path, name), new Uint8Array(256 * 1024 + 1));
    await assert.rejects(notes.find(place, 'app'), { code: 'TOO_LARGE' });
  });

  it('the first note of a process removes the notes of repositories without a copy for 30 days, and nothing else', async (test) => {
    const path = await folder(test);
    await createRootNotes(path).note(place, 'old', roots);
    const [name = ''] = await readdir(path);
    await writeFile(join(path, 'mine.json'), 'no note');
    const month = Date.now() / 1000 - 31 * 24 * 60 * 60;
    for (const file of [name, 'mine.json']) await utimes(join(path, file), month, month);
    const notes = createRootNotes(path);
    await notes.note(place, 'app', roots);
    assert.deepEqual(await notes.find(place, 'old'), []);
    assert.deepEqual(await notes.find(place, 'app'), roots);
    assert.ok((await readdir(path)).includes('mine.json'));
  });

  it('a path that is a file fails with IO_FAILED', async (test) => {
    const path = join(await folder(test), 'file');
    await writeFile(path, '');
    await assert.rejects(createRootNotes(path).note(place, 'app', roots), { code: 'IO_FAILED' });
  });
});
