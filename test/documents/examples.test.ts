import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile } from './compiled.ts';
import { blocksIn, exampleBlocks } from './examples.ts';
import { machine } from './run-documents.ts';
import { openStage } from './stage.ts';

const blocks = exampleBlocks();

describe('the examples in the doc comments', machine, () => {
  it('strict TypeScript accepts all examples, and each runs as it stands', async (test) => {
    const { errors, code } = await compile(test, blocks);
    assert.equal(errors, '');
    const stage = await openStage(test);
    for (const block of blocks) {
      await test.test(`the example at ${block.where} runs as it stands`, () =>
        stage.run(block, code.get(block.where)),
      );
    }
  });

  it('at least twenty verbs and functions have an example', () => {
    assert.ok(blocks.length >= 20, String(blocks.length));
    assert.deepEqual(
      blocks.filter(({ language }) => language !== 'ts').map(({ where }) => where),
      [],
    );
  });

  it('an example is found with the line of its fence', () => {
    const text = ['/**', ' * Adds.', ' * @example', ' * ```ts', ' * add(1);', ' * ```', ' */', 'add(2);'];
    assert.deepEqual(blocksIn('src/a.ts', text.join('\n')), [
      { where: 'src/a.ts:4', language: 'ts', file: undefined, code: 'add(1);\n' },
    ]);
  });
});
