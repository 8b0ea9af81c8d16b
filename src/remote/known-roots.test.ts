import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StorageError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import type { RootNote, RootNotes } from '../store/known-roots.ts';
import { createRootMemory } from './known-roots.ts';

const [first, second] = ['first', 'second'].map((text) => digestOf(new TextEncoder().encode(text))) as [
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
];
const place = 'https://registry.test';

/** Notes in memory, with the calls that reached them. */
function noted(roots: RootNote = []): RootNotes & { readonly calls: string[]; kept: RootNote } {
  const notes = {
    calls: [] as string[],
    kept: roots,
    async find(at: string, repository: string) {
      notes.calls.push(`find ${at}/${repository}`);
      return notes.kept;
    },
    async note(at: string, repository: string, all: RootNote) {
      notes.calls.push(`note ${at}/${repository}`);
      notes.kept = all;
    },
  };
  return notes;
}

const broken = async (): Promise<never> => {
  throw new StorageError('NO_SPACE', 'no space', { path: '/notes' });
};

const wrong = async (): Promise<never> => {
  throw new TypeError('a mistake');
};

describe('the memory of roots', () => {
  it('a seen root is known by its digest and its tags, in its repository only', async () => {
    const memory = createRootMemory({ place });
    memory.saw('app', first, ['v1']);
    const known = await memory.of('app');
    assert.deepEqual([known.get('v1'), known.get(first), known.isEmpty], [first, first, false]);
    const other = await memory.of('other');
    assert.deepEqual([other.get('v1'), other.isEmpty], [undefined, true]);
  });

  it('a lost tag leaves its digest, and a lost digest takes its tags along', async () => {
    const memory = createRootMemory({ place });
    memory.saw('app', first, ['v1', 'latest']);
    memory.saw('app', second, ['v2']);
    memory.lost('app', 'v1');
    const known = await memory.of('app');
    assert.deepEqual([known.get('v1'), known.get('latest'), known.get(first)], [undefined, first, first]);
    memory.lost('app', first);
    assert.deepEqual(
      [known.get('latest'), known.get(first), known.get('v2')],
      [undefined, undefined, second],
    );
  });

  it('a later process knows the roots of an earlier one', async () => {
    const notes = noted();
    const earlier = createRootMemory({ place, notes });
    await earlier.of('app');
    earlier.saw('app', first, ['v1']);
    await earlier.keep();
    const known = await createRootMemory({ place, notes }).of('app');
    assert.deepEqual([known.get('v1'), known.get(first)], [first, first]);
    assert.deepEqual(notes.calls, [`find ${place}/app`, `note ${place}/app`, `find ${place}/app`]);
  });

  it('a newer root of this process precedes the note of an earlier one', async () => {
    const memory = createRootMemory({ place, notes: noted([['v1', first]]) });
    memory.saw('app', second, ['v1']);
    assert.equal((await memory.of('app')).get('v1'), second);
  });

  it('a root that was lost before the note was read is not known, and leaves the note', async () => {
    const notes = noted([
      [first, first],
      ['v1', first],
      ['v2', second],
    ]);
    const memory = createRootMemory({ place, notes });
    memory.lost('app', first);
    await memory.keep();
    assert.deepEqual(notes.kept, [['v2', second]]);
    assert.equal((await memory.of('app')).get('v1'), undefined);
  });

  it('an unchanged memory writes no note, and neither does one of a repository without a copy', async () => {
    const notes = noted([['v1', first]]);
    const memory = createRootMemory({ place, notes });
    await memory.of('app');
    memory.saw('app', first, ['v1']);
    memory.saw('other', first, ['v1']);
    await memory.keep();
    // The digest itself is new.
    assert.deepEqual(notes.calls, [`find ${place}/app`, `note ${place}/app`]);
    await memory.keep();
    assert.deepEqual(notes.calls, [`find ${place}/app`, `note ${place}/app`]);
  });

  it('notes that cannot be read or written fail nothing', async () => {
    const memory = createRootMemory({ place, notes: { find: broken, note: broken } });
    assert.equal((await memory.of('app')).isEmpty, true);
    memory.saw('app', first, ['v1']);
    await memory.keep();
    assert.equal((await memory.of('app')).get('v1'), first);
  });

  it('an error in the code of the notes is not hidden', async () => {
    await assert.rejects(
      createRootMemory({ place, notes: { find: wrong, note: wrong } }).of('app'),
      TypeError,
    );
  });
});
