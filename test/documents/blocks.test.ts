import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Block, documents } from './pages.ts';
import { machine, runDocuments } from './run-documents.ts';
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
