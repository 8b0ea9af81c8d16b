import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../project.ts';

/** `docs/quirks.md` names the test of each habit, and this test checks that it exists. */

const root = projectRoot();

interface Row {
  readonly habit: string;
  readonly tests: readonly { readonly name: string; readonly file: string }[];
  /** The reason why no test exists. */
  readonly none: string | undefined;
}

const sections = readFileSync(join(root, 'docs', 'quirks.md'), 'utf8')
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
    tests: [...cell.matchAll(/`([^`]+)` in `([^`]+)`/g)].map(([, name = '', file = '']) => ({ name, file })),
    none: /^none: (.{10,})$/.exec(cell)?.[1],
  };
}

const has = (file: string, name: string): boolean =>
  file.endsWith('.test.ts') &&
  existsSync(join(root, file)) &&
  readFileSync(join(root, file), 'utf8').includes(name);

describe('the page of the quirks', () => {
  it('has a part for each registry that is known to have some', () => {
    const titles = sections.map(({ title }) => title).join(', ');
    for (const name of `Docker Hub, GHCR, ECR, Artifact Registry, Azure, Quay, GitLab, Harbor, Artifactory, Nexus, Gitea,
      Forgejo, Cloudflare, DigitalOcean, IBM, zot, distribution, crane`.split(/,\s+/)) {
      assert.ok(titles.includes(name), name);
    }
  });

  for (const { title, rows } of sections) {
    it(`says of ${title} in which test each habit is met, or why in none`, () => {
      assert.ok(rows.length > 0);
      for (const { habit, tests, none } of rows) {
        assert.notEqual(tests.length === 0, none === undefined, habit);
        const missing = tests.filter(({ name, file }) => !has(file, name));
        assert.deepEqual(missing, [], habit);
      }
    });
  }
});
