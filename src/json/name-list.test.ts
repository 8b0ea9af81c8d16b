import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { listOf } from '../testing/contract/sample.ts';
import { namesIn } from './name-list.ts';

async function* chunks(text: string, step: number): AsyncIterable<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.byteLength; at += step) yield bytes.subarray(at, at + step);
}

const read = (text: string, step = 3): Promise<readonly string[]> =>
  listOf(namesIn(chunks(text, step), { field: 'tags', what: 'the body' }));

describe('namesIn', () => {
  const rows: readonly (readonly [text: string, expected: readonly string[]])[] = [
    ['{"name":"a","tags":["1","2"]}', ['1', '2']],
    [' { "tags" : [ "1" , "2" ] , "name" : "a" } \n', ['1', '2']],
    ['{"tags":["a\\\\","b\\\\\\"c","\\\\\\\\"]}', ['a\\', 'b\\"c', '\\\\']],
    ['{"tags":null}', []],
    ['{"tags":[]}', []],
    ['{}', []],
    ['{"child":[],"manifest":{"a":{"tag":["x"],"n":-1.5e3,"b":true}},"tags":["1"]}', ['1']],
    ['{"more":{"tags":["x"]},"tags":["1"]}', ['1']],
    ['{"t\\u0061gs":["a\\"\\u00e9","é"]}', ['a"é', 'é']],
  ];
  for (const [text, expected] of rows) {
    it(`streamed-pages: ${text} has ${expected.length} names, in chunks of any size`, async () => {
      for (const step of [1, 2, 3, 7, 1000]) assert.deepEqual(await read(text, step), expected);
    });
  }

  const refused: readonly string[] = [
    '',
    ' ',
    '<html>',
    '[]',
    'null',
    '"x"',
    '{"tags":"x"}',
    '{"tags":7}',
    '{"tags":{}}',
    '{"tags":[1]}',
    '{"tags":[null]}',
    '{"tags":[["x"]]}',
    '{"tags":[{}]}',
    '{"tags":["1"],"tags":["2"]}',
    '{"tags":["1",]}',
    '{"tags":["1"]',
    '{"tags":["1"',
    '{"tags":["1"]}}',
    '{"tags":["1"]} x',
    '{"tags" ["1"]}',
    '{tags:["1"]}',
    '{"tags":["1"],}',
    '{"a":tru}',
    '{"a":"b" "c"}',
    `{"a":${'['.repeat(100)}`,
    `{"tags":["${'x'.repeat(70_000)}"]}`,
  ];
  for (const text of refused) {
    it(`streamed-pages: ${text.slice(0, 40)} is MANIFEST_INVALID`, async () => {
      for (const step of [1, 5, 100_000].slice(text.length > 1000 ? 1 : 0)) {
        await assert.rejects(read(text, step), { code: 'MANIFEST_INVALID' });
      }
    });
  }

  it('streamed-pages: bytes that are not UTF-8 are MANIFEST_INVALID', async () => {
    const bytes = (async function* () {
      yield new Uint8Array([0x7b, 0xff]);
    })();
    await assert.rejects(listOf(namesIn(bytes, { field: 'tags', what: 'the body' })), {
      code: 'MANIFEST_INVALID',
    });
  });

  it('streamed-pages: namesIn reads any JSON as JSON.parse does', async () => {
    const documents = fc.record(
      { tags: fc.option(fc.array(fc.string())), a: fc.jsonValue({ maxDepth: 3 }), '': fc.string() },
      { requiredKeys: [], noNullPrototype: true },
    );
    await fc.assert(
      fc.asyncProperty(
        documents,
        fc.integer({ min: 1, max: 20 }),
        fc.boolean(),
        async (value, step, wide) => {
          const text = JSON.stringify(value, undefined, wide ? 1 : undefined);
          assert.deepEqual(await read(text, step), value.tags ?? []);
        },
      ),
    );
  });
});
