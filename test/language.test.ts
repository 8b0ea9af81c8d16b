import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commentLimit, commentShares, shareOf } from '../scripts/measures/comments.ts';
import { folders, readSources } from '../scripts/measures/sources.ts';
import { projectRoot } from '../scripts/project.ts';

const rooms = commentShares(folders.flatMap((folder) => readSources(projectRoot(), folder)));

describe('the language of the comments', () => {
  for (const room of rooms) {
    it(`${room.room} has who, what and their like in at most 2 % of its comment lines`, () => {
      assert.ok(
        shareOf(room) <= commentLimit,
        `say who does what in plain sentences:\n${room.found.join('\n')}`,
      );
    });
  }

  it('a line counts when one of the words stands in its comment, and not in its code', () => {
    const text = [
      '/**',
      ' * Says whose it is.',
      ' * Says no more. Somewhat, whole.',
      ' */',
      "const what = 'who'; // What it was.",
    ].join('\n');
    const [room] = commentShares([{ path: 'src/spec/sample.ts', text }]);
    assert.deepEqual(room, {
      room: 'src/spec',
      lines: 3,
      found: ['src/spec/sample.ts:2: Says whose it is.', 'src/spec/sample.ts:5: What it was.'],
    });
  });
});
