import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { editJson, type JsonChange, type JsonPath } from './edit.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const edit = (text: string, ...changes: readonly JsonChange[]): string =>
  new TextDecoder().decode(editJson(encode(text), changes, { what: 'a config' }));
const set = (path: JsonPath, value: unknown): JsonChange => ({ path, value });
const remove = (path: JsonPath): JsonChange => ({ path, value: undefined });

function checkMeaning(before: Record<string, unknown>, indent: number, key: string, next: unknown): void {
  const text = JSON.stringify(before, undefined, indent);
  const after: unknown = JSON.parse(edit(text, set([key], next)));
  assert.deepEqual(after, JSON.parse(JSON.stringify({ ...before, [key]: next })));
  const without: Record<string, unknown> = { ...JSON.parse(text) };
  delete without[key];
  assert.deepEqual(JSON.parse(edit(text, remove([key]))), without);
}

describe('editing a JSON document', () => {
  it('A document without changes stays the same bytes.', () => {
    const document = encode(' {"a" : 1.0e2, "b":"\\u0041"} \n');
    assert.equal(editJson(document, [], { what: 'a config' }), document);
  });

  it('A change keeps unknown keys, their order, large numbers, escapes and white space.', () => {
    const document = '{ "z":12345678901234567890,"a" : {"x":"\\u00e9","y":[1 , 2.50]},\n"k":1e400 }\n';
    assert.equal(
      edit(document, set(['a', 'y', 0], 'new')),
      '{ "z":12345678901234567890,"a" : {"x":"\\u00e9","y":["new" , 2.50]},\n"k":1e400 }\n',
    );
  });

  it('A member that does not exist is added at the end, with the objects on its path.', () => {
    assert.equal(edit('{"a":1}', set(['b', 'c'], 2)), '{"a":1,"b":{"c":2}}');
    assert.equal(edit('{}', set(['config', 'Labels', 'k'], 'v')), '{"config":{"Labels":{"k":"v"}}}');
    assert.equal(edit('{}', set(['list', 0], 1), set(['list', 1], 2)), '{"list":[1,2]}');
  });

  it('A new member takes the white space of its neighbours.', () => {
    const document = JSON.stringify({ a: 1, list: [1, 2] }, undefined, 2);
    assert.equal(
      edit(document, set(['b'], 2), set(['list', 2], 3)),
      JSON.stringify({ a: 1, list: [1, 2, 3], b: 2 }, undefined, 2),
    );
  });

  it('A removed member leaves no comma behind, wherever it stood.', () => {
    const document = '{"a":1, "b":2 ,"c":[1,2,3]}';
    assert.equal(edit(document, remove(['a'])), '{ "b":2 ,"c":[1,2,3]}');
    assert.equal(edit(document, remove(['c'])), '{"a":1, "b":2 }');
    assert.equal(edit(document, remove(['c', 0]), remove(['c', 2])), '{"a":1, "b":2 ,"c":[2]}');
    assert.equal(edit('{"a":1}', remove(['a'])), '{}');
    assert.equal(edit(document, remove(['nothing', 'there'])), document);
  });

  it('A member that has its new value already keeps its bytes, and so do the elements of an array.', () => {
    const document = '{"a":"\\u003c","list":["\\u003c" ,"b"],"n":1.0}';
    assert.equal(edit(document, set(['a'], '<'), set(['n'], 1), set(['list'], ['<', 'b'])), document);
    assert.equal(edit(document, set(['list'], ['<', 'c', 'd'])), document.replace('"b"', '"c","d"'));
    assert.equal(edit(document, set(['list'], ['<'])), document.replace(' ,"b"', ' '));
    assert.equal(edit('{"list":[]}', set(['list'], ['a'])), '{"list":["a"]}');
  });

  it('Null counts as a missing object or array.', () => {
    assert.equal(edit('{"a":null}', set(['a', 'b'], 1)), '{"a":{"b":1}}');
    assert.equal(edit('{"a":null}', set(['a', 0], 1)), '{"a":[1]}');
    assert.equal(edit('{"a":null}', remove(['a', 'b'])), '{"a":null}');
  });

  it('Keys that mean something to JavaScript are keys like any other.', () => {
    assert.equal(
      edit('{"__proto__":{"a":1}}', set(['__proto__', 'a'], 2), set(['constructor'], 3)),
      '{"__proto__":{"a":2},"constructor":3}',
    );
    assert.equal(edit('{"a\\u0062":1}', set(['ab'], 2)), '{"a\\u0062":2}');
  });

  it('Of two changes of one member the later one counts.', () => {
    assert.equal(edit('{}', set(['a'], 1), set(['a'], 2)), '{"a":2}');
    assert.equal(edit('{"a":{"x":1}}', set(['a', 'x'], 2), set(['a'], 3)), '{"a":3}');
  });

  const refused: readonly [string, JsonChange, RegExp][] = [
    ['{"a":1}', set(['a', 'b'], 1), /a config: \.a is neither an object nor an array/],
    ['{"a":[1]}', set(['a', 3], 1), /\.a is an array of 1, so that 3 is not in it/],
    ['{"a":[1]}', set(['a', 'b'], 1), /\.a is an array of 1, so that "b" is not in it/],
    ['{"a":{}}', set(['a', 0], 1), /\.a is an object, so that position 0/],
    ['1', set(['a'], 1), /the document is neither/],
    ['{"a":1,"a":2}', set(['a'], 1), /twice/],
    ['{"a":', set(['a'], 1), /is not JSON/],
  ];
  for (const [document, change, message] of refused) {
    it(`The change of ${change.path.join('.')} in ${document} is MANIFEST_INVALID, and the message says why.`, () => {
      assert.throws(() => edit(document, change), { code: 'MANIFEST_INVALID', message });
    });
  }

  it('Any change of any document gives the value that the change means, and keeps the others.', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(null, true, 1, 'x,]}"\\'),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__', '"'), tie('any')),
      ),
    })).any;
    const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', '"'), value);
    fc.assert(fc.property(object, fc.nat(2), fc.constantFrom('a', 'b', 'd', '"'), value, checkMeaning));
  });
});
