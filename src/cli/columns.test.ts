import assert from 'node:assert/strict';
import { it } from 'node:test';
import { columns } from './columns.ts';

it('columns are aligned, and rows without a value left out', () => {
  assert.deepEqual(
    columns([
      ['kind', 'index'],
      ['artifact type', undefined],
      ['digest', 'sha256:x', 'more'],
    ]),
    ['kind    index', 'digest  sha256:x  more'],
  );
});

it('a value with a line break in it stays on its line', () => {
  assert.deepEqual(columns([['title', 'a\nb']]), ['title  a\\u000ab']);
});
