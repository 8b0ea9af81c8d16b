import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { apiReports } from '../../scripts/measures/api-report.ts';
import { projectRoot } from '../../scripts/project.ts';

const root = projectRoot();
const reports = apiReports(root);

describe('the report of the public interface', () => {
  for (const [path, text] of reports) {
    it(`${path} has every public name with its signature`, () => {
      const committed = existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : '';
      assert.equal(
        committed.replaceAll('\r\n', '\n'),
        text,
        `the public interface has changed: run "npm run api", review the difference of ${path}, and note it in CHANGELOG.md`,
      );
    });
  }

  it('each file in api/ belongs to an entry point', () => {
    assert.deepEqual(
      readdirSync(join(root, 'api')).map((name) => `api/${name}`),
      [...reports.keys()].sort(),
    );
  });

  it('a report has no comments', () => {
    for (const text of reports.values()) assert.doesNotMatch(text, /\/\*|\*\//);
  });
});
