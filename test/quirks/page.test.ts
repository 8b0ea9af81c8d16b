import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import { idsOfCell, namedTests } from '../documents/test-ids.ts';

/** `docs/quirks.md` names the tests of each habit by their ids, and this test checks that they exist. */
const known = new Set(namedTests().map(({ id }) => id));

interface Row {
  readonly habit: string;
  /** Ids of tests. */
  readonly tests: readonly string[];
  /** The reason why no test exists. */
  readonly none: string | undefined;
}

const sections = readFileSync(join(projectRoot(), 'docs', 'quirks.md'), 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => ({
    title: section.split('\n', 1)[0] ?? '',
    rows: section
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| habit '))
      .map(rowOf),
  }));

function rowOf(line: string): Row {
  const [, habit = '', cell = ''] = line.split('|').map((text) => text.trim());
  return {
    habit,
    tests: idsOfCell(cell),
    none: /^none: (.{10,})$/.exec(cell)?.[1],
  };
}

describe('docs/quirks.md', () => {
  it('docs/quirks.md has a section for each registry with known quirks', () => {
    const titles = sections.map(({ title }) => title).join(', ');
    for (const name of `Docker Hub, GHCR, ECR, Artifact Registry, Azure, Quay, GitLab, Harbor, Artifactory, Nexus, Gitea,
      Forgejo, Cloudflare, DigitalOcean, IBM, zot, distribution, crane`.split(/,\s+/)) {
      assert.ok(titles.includes(name), name);
    }
  });

  for (const { title, rows } of sections) {
    it(`docs/quirks.md names a test for each habit of ${title}, or the reason why none exists`, () => {
      assert.ok(rows.length > 0);
      for (const { habit, tests, none } of rows) {
        assert.notEqual(tests.length === 0, none === undefined, habit);
        const missing = tests.filter((id) => !known.has(id));
        assert.deepEqual(missing, [], habit);
      }
    });
  }
});
