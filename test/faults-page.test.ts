import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from '../scripts/project.ts';
import { idsIn } from './documents/test-ids.ts';

interface Row {
  readonly id: string;
  readonly cells: readonly string[];
}

const rows: readonly Row[] = readFileSync(join(projectRoot(), 'docs', 'faults.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const cells = line.split(/(?<!\\)\|/).slice(1, -1);
    return { id: (cells[0] ?? '').trim().replaceAll('`', ''), cells };
  });

/** The faults that arrived with a program that shows them. */
const reproduced: readonly string[] = [
  'cache-stuck-by-101',
  'create-moves-tag',
  'forged-verdict-line',
  'guess-lockout',
  'lan-name',
  'link-redos',
  'metrics-for-everybody',
  'one-user-all-sessions',
  'plain-http-by-reference',
  'stale-bytecode',
  'switching-protocols',
  'web-page-post',
  'cache-hands-out-damage',
  'check-gives-up',
  'damaged-referrer-hides-all',
  'delete-of-many-tags',
  'folder-in-tmp',
  'full-disk-restart',
  'lingers-after-cut-push',
  'truncated-manifest-push',
  'auth-in-lines',
  'compressed-archives',
  'digests-among-tags',
  'docker25-empty-layers',
  'docker29-partial-index',
  'hang-up',
  'login-where-the-file-cannot-be-renamed',
  'manifest-under-vague-type',
  'manifest-with-gaps',
  'post-redirected',
  'range-refused',
  'referrers-list-without-types',
  'second-copy-into-an-archive',
  'several-images-in-an-archive',
  'sparse-member',
];

it('docs/faults.md has a row for each fault that came with a program that shows it', () => {
  const ids = new Set(rows.map(({ id }) => id));
  assert.deepEqual(
    reproduced.filter((id) => !ids.has(id)),
    [],
  );
});

it('every row of docs/faults.md has five cells, and an id that no other row has', () => {
  assert.deepEqual(
    rows
      .filter(({ cells }) => cells.length !== 5 || cells.some((cell) => cell.trim() === ''))
      .map(({ id }) => id),
    [],
  );
  const ids = rows.map(({ id }) => id);
  assert.deepEqual(
    ids.filter((id, at) => ids.indexOf(id) !== at),
    [],
  );
});

it('every row of docs/faults.md names test files, one of which has a test with the id of the row', () => {
  const wrong = rows.filter(({ id, cells }) => {
    const files = [...(cells[4] ?? '').matchAll(/`([^`]+\.test\.ts)`/g)].map((match) => match[1] ?? '');
    const paths = files.map((file) => join(projectRoot(), file));
    return (
      paths.length === 0 ||
      paths.some((path) => !existsSync(path)) ||
      !files.some((file, at) =>
        idsIn(file, readFileSync(paths[at] ?? '', 'utf8')).some((test) => test.id === id),
      )
    );
  });
  assert.deepEqual(
    wrong.map(({ id }) => id),
    [],
  );
});
