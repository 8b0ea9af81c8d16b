import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../project.ts';

const folder = join(projectRoot(), 'test', 'server');
const text = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(folder, name), 'utf8'))
  .join('\n');

/** Rows that tests of other rooms cover: each names a title and the test file. */
const elsewhere: Readonly<Record<string, readonly (readonly [file: string, title: string])[]>> = {
  S3: [['test/server/access.test.ts', 'is for who began it, in the repository where they did']],
  S4: [['test/server/access.test.ts', 'reads only what its user can pull, and fails for all reasons alike']],
  S6: [['test/server/access.test.ts', 'without a login nothing is answered but the way to one']],
  S7: [['test/server/access.test.ts', 'to create leave a tag where it is, and let new ones be set']],
  S13: [['test/server/access-tokens.test.ts', 'when any character of it is another one']],
  S14: [['test/server/access.test.ts', 'change with the rules, for tokens that are out already']],
  S15: [
    ['test/proxy-cache/refusals.test.ts', 'does not repeat what the upstream says of its account'],
    ['test/proxy-cache/refusals.test.ts', 'shows the upstream nothing of its own clients'],
  ],
  S18: [['test/disk/garbage.test.ts', 'leaves alone what is younger than the grace period']],
  S19: [
    ['src/server/access/password-check.test.ts', 'for one user wait longer and longer, from the fourth on'],
  ],
};

describe('the security list of servers', () => {
  it('has each of its rows, S1 to S20, named by a test of this folder or kept by one of another', () => {
    const rows = Array.from({ length: 20 }, (_, at) => `S${at + 1}`);
    const missing = rows.filter(
      (row) => !new RegExp(`\\b(?:it|onBoth)\\(\\s*[\`'"]${row} `).test(text) && elsewhere[row] === undefined,
    );
    assert.deepEqual(missing, []);
  });

  for (const [row, kept] of Object.entries(elsewhere)) {
    for (const [file, title] of kept) {
      it(`has ${row} in ${file}: ${title}`, () => {
        assert.ok(readFileSync(join(projectRoot(), file), 'utf8').includes(title));
      });
    }
  }
});
