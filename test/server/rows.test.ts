import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import { namedTests } from '../documents/test-ids.ts';
import { rowsElsewhere } from './security-rows.ts';

const folder = join(projectRoot(), 'test', 'server');
const text = readdirSync(folder)
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(folder, name), 'utf8'))
  .join('\n');

describe('the security list of servers', () => {
  it('each row, S1 to S20, is named by a title of this folder or covered by a test elsewhere', () => {
    const rows = Array.from({ length: 20 }, (_, at) => `S${at + 1}`);
    const missing = rows.filter(
      (row) =>
        !new RegExp(`\\b(?:it|onBoth)\\(\\s*[\`'"]${row}: `).test(text) && rowsElsewhere[row] === undefined,
    );
    assert.deepEqual(missing, []);
  });

  it('the tests elsewhere exist', () => {
    const known = new Set(namedTests().map(({ id }) => id));
    const missing = Object.values(rowsElsewhere)
      .flat()
      .filter((id) => !known.has(id));
    assert.deepEqual(missing, []);
  });
});
