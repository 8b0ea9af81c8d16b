import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith, listOf } from '../testing/contract/sample.ts';
import { readAnswer } from './answer.ts';

const encoder = new TextEncoder();

function answer(...chunks: readonly string[]): AsyncIterable<number> {
  const body = (async function* () {
    for (const chunk of chunks) yield encoder.encode(chunk);
  })();
  return readAnswer('the daemon', { status: 200, headers: {}, body }, 'load the image');
}

const progress = (layer: string, current: number): string =>
  `{"status":"Loading layer","progressDetail":{"current":${current},"total":9},"progress":"[=>] 5B/9B","id":"${layer}"}\r\n`;

describe('the answer of a docker daemon to a load', () => {
  it('The bytes of each layer add up, wherever the chunks are cut, and no figure goes back.', async () => {
    const lines = [progress('a', 2), progress('b', 3), progress('a', 5), progress('b', 1), progress('b', 4)];
    for (let size = 1; size < 40; size += 7) {
      const cut = lines.join('').match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
      assert.deepEqual(await listOf(answer(...cut)), [2, 3, 3, 1]);
    }
  });

  it('Lines of success are no failure: names, words about errors, and other text.', async () => {
    await listOf(
      answer(
        '{"stream":"Loaded image: app:1\\n"}\r\n',
        '{"stream":"no \\"error\\": none"}\n{"error":null,"errorDetail": null}\n',
        'plain text\n\n',
      ),
    );
  });

  for (const [name, line] of Object.entries({
    'in docker’s form': '{"errorDetail":{"code":1,"message":"no space"},"error":"no space"}\r\n',
    'without a line feed': '{"error":"no space"}',
    'without words': '{"errorDetail":{"message":""},"error":""}\n',
    'behind another object in one line': '{"stream":"a"}{"error":"no space"}\n',
    'cut off in the middle': '{"errorDetail":{"message":"no sp',
    'of many characters': `{"errorDetail":{"message":"${'y'.repeat(200_000)}"}}\n`,
    'without an end': `{"stream":"${'y'.repeat(2_000_000)}`,
  })) {
    it(`A report of a failure ${name} is a failure, of at most a thousand characters of words.`, async () => {
      await failsWith(listOf(answer(progress('a', 1), line)), 'UNEXPECTED_ANSWER');
      await assert.rejects(
        listOf(answer(line)),
        (error) => error instanceof Error && error.message.length < 1200,
      );
    });
  }
});
