import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';

it('every row of the security list of clients, C1 to C24, is named by a test of this folder', () => {
  const folder = join(projectRoot(), 'test', 'security');
  const text = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
  const rows = Array.from({ length: 24 }, (_, at) => `C${at + 1}`);
  assert.deepEqual(
    rows.filter((row) => !new RegExp(`\\bit\\([\`'"]${row}: `).test(text)),
    [],
  );
});
