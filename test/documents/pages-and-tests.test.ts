import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rowsElsewhere } from '../server/security-rows.ts';
import { readText } from './pages.ts';
import { idsIn, idsOfCell, namedTests } from './test-ids.ts';

const tests = namedTests();
const byComment = tests.filter(({ isInTitle }) => !isInTitle);

/** The pages that name tests by an id in the last cell of their rows. */
const pages = [
  'docs/quirks.md',
  'docs/crane.md',
  'docs/migrating.md',
  'docs/editing.md',
  'docs/building.md',
  'docs/signing.md',
  'docs/comparison.md',
];

const named = pages.flatMap((page) =>
  readText(page)
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .flatMap((line) => idsOfCell(line.split('|').at(-2) ?? '')),
);

describe('the ids of tests in documents', () => {
  it('every id in a document belongs to a test', () => {
    const known = new Set(tests.map(({ id }) => id));
    assert.ok(named.length > 250, String(named.length));
    assert.deepEqual(
      named.filter((id) => !known.has(id)),
      [],
    );
  });

  it('no two tests have the same id in a comment', () => {
    const ids = byComment.map(({ id }) => id);
    assert.deepEqual(
      ids.filter((id, at) => ids.indexOf(id) !== at),
      [],
    );
  });

  it('every id in a comment stands directly above a title', () => {
    const stray = byComment.filter(
      ({ title }) => !/['"`]/.test(title) && !/^(?:it|test|describe)\(/.test(title),
    );
    assert.deepEqual(stray, []);
  });

  it('a document names every id in a comment', () => {
    const used = new Set([...named, ...Object.values(rowsElsewhere).flat()]);
    assert.deepEqual(
      byComment.filter(({ id }) => !used.has(id)),
      [],
    );
  });

  it('an id is found in a comment above a title, and at the beginning of a title', () => {
    const text = [
      "it('lost-put: a lost answer ends well', f);",
      '// id: quay-robot',
      '// Why.',
      "it('a robot', f);",
      "'T54, row 1: a name upward': f,",
    ];
    const file = 'a.test.ts';
    assert.deepEqual(idsIn(file, text.join('\n')), [
      { id: 'quay-robot', file, isInTitle: false, title: "it('a robot', f);" },
      { id: 'lost-put', file, isInTitle: true, title: "lost-put: a lost answer ends well', f);" },
      { id: 'T54', file, isInTitle: true, title: "T54, row 1: a name upward': f," },
    ]);
  });
});
