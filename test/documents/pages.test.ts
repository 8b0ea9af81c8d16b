import assert from 'node:assert/strict';
import { it } from 'node:test';
import { compile } from './compiled.ts';
import { notRun } from './not-run.ts';
import { blocksOf, documents } from './pages.ts';
import { blocksToRun, isScript } from './run-documents.ts';

it('readme-in-typescript: strict TypeScript accepts every block of JavaScript and TypeScript in the documents', async (test) => {
  const scripts = documents.flatMap(blocksToRun).filter(isScript);
  assert.ok(scripts.length > 0);
  assert.equal((await compile(test, scripts)).errors, '');
});

it('the list of blocks that are not run names existing blocks, and a reason for each', () => {
  const all = documents.flatMap((name) => blocksOf(name));
  const stale = notRun.filter(
    ({ document, begins, reason }) =>
      reason.length < 10 ||
      !all.some(({ where, code }) => where.startsWith(`${document}:`) && code.startsWith(`${begins}\n`)),
  );
  assert.deepEqual(stale, []);
});

it('blocksOf finds every fence with its language, its file and its line', () => {
  const text = 'a\n```sh\none\n```\n\n````yaml rules.yaml\n```\ntwo\n````\n~~~\nthree\n~~~\n';
  assert.deepEqual(blocksOf('page.md', text), [
    { where: 'page.md:2', language: 'sh', file: undefined, code: 'one\n' },
    { where: 'page.md:6', language: 'yaml', file: 'rules.yaml', code: '```\ntwo\n' },
    { where: 'page.md:10', language: '', file: undefined, code: 'three\n' },
  ]);
  assert.throws(() => blocksOf('page.md', 'a\n```sh\nb\n'), /page\.md:2/);
  assert.throws(() => blocksOf('page.md', '- a\n  ```sh\n  b\n  ```\n'), /page\.md:2/);
});
