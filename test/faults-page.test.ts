import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from './project.ts';

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

it('every row of docs/faults.md names test files, one of which has the id of the row in a title', () => {
  const wrong = rows.filter(({ id, cells }) => {
    const files = [...(cells[4] ?? '').matchAll(/`([^`]+\.test\.ts)`/g)].map((match) => match[1] ?? '');
    const paths = files.map((file) => join(projectRoot(), file));
    return (
      paths.length === 0 ||
      paths.some((path) => !existsSync(path)) ||
      !paths.some((path) => readFileSync(path, 'utf8').includes(`${id}:`))
    );
  });
  assert.deepEqual(
    wrong.map(({ id }) => id),
    [],
  );
});
