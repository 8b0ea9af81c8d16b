import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile } from './compiled.ts';
import { notRun } from './not-run.ts';
import { type Block, blocksOf, documents } from './pages.ts';
import { blocksToRun, isScript, machine, runDocuments } from './run-documents.ts';
import { openStage } from './stage.ts';

// docs/cli.md has as many blocks as all others together: cli-blocks.test.ts runs it.
runDocuments(documents.filter((name) => name !== 'docs/cli.md'));

const block = (language: string, code: string, file?: string): Block => ({
  where: 'test.md:1',
  language,
  file,
  code,
});

describe('the runner of the blocks in the documents', machine, () => {
  it('a block fails when a command, a program, a registry or a file in it fails', async (test) => {
    const stage = await openStage(test);
    await stage.run(block('sh', 'gantry digest ghcr.io/acme/app:1\n'));
    await assert.rejects(
      stage.run(block('sh', 'gantry digest ghcr.io/acme/app:none\n')),
      /MANIFEST_UNKNOWN|none/,
    );
    await assert.rejects(stage.run(block('sh', 'gantry serve --no-such-option\n')), /no-such-option/);
    await assert.rejects(stage.run(block('js', 'throw new Error("wrong example")\n')), /wrong example/);
    await assert.rejects(stage.run(block('yaml', 'rules: [{}]\n', 'rules.yaml')), /rules\.yaml/);
    await assert.rejects(stage.run(block('yaml', 'a: 1\n', 'other.yaml')), /no reader for other\.yaml/);
    await assert.rejects(stage.run(block('text', 'drawing\n')), /nothing runs a block/);
  });
});

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
