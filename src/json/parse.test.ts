import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { parseJson } from './parse.ts';

const what = 'document';
const encoder = new TextEncoder();

function parse(text: string): unknown {
  return parseJson(encoder.encode(text), { what });
}

describe('parseJson', () => {
  const good = [
    ['JSON after a line break', ' \n{"a":[1,{"b":null}]}\n'],
    ['the same key in two objects', '[{"a":1},{"a":{"a":2}}]'],
    ['the same key after an object that has it inside', '{"b":{"a":1},"a":2}'],
    ['keys that differ only in case', '{"a":1,"A":2}'],
    ['equal strings that are no keys', '{"a":"a","b":["a","a"]}'],
    ['brackets and quotes in strings', '{"a":"}]{[\\"","b":"\\\\"}'],
    ['a bare value', '"x"'],
    ['characters beyond the basic plane', '{"𝄞":"\\ud834\\udd1e"}'],
  ] as const;
  for (const [name, text] of good) {
    test(`parseJson accepts ${name}`, () => assert.deepEqual(parse(text), JSON.parse(text)));
  }

  const bad = [
    ['nothing', ''],
    ['text after the end', '{} x'],
    ['a comma at the end', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['a string left open', '{"a'],
    ['an escape left open', '{"a\\'],
    ['HTML', '<!doctype html><html></html>'],
    ['a byte order mark', '\ufeff{}'],
    ['a comment', '{}//'],
    ['NaN', 'NaN'],
    ['one key twice', '{"a":1,"a":1}'],
    ['one key twice with others between', '{"a":{"b":[1]},"b":[{"a":1}],"a":2}'],
    ['one key twice, once escaped', '{"layers":1,"l\\u0061yers":2}'],
    ['one key twice deep down', '[[{"x":[{"a":1,"b":2,"a":3}]}]]'],
    ['the empty key twice', '{"":1,"":2}'],
    ['__proto__ twice', '{"__proto__":1,"__proto__":2}'],
    ['a broken escape in a key', '{"\\x":1}'],
    ['65 brackets', `${'['.repeat(65)}${']'.repeat(65)}`],
    ['65 braces', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
    ['a million brackets', '['.repeat(1_000_000)],
    ['more closing than opening', ']}]}'],
  ] as const;
  for (const [name, text] of bad) {
    test(`parseJson refuses ${name}`, () => assert.throws(() => parse(text), { code: 'MANIFEST_INVALID' }));
  }

  test('parseJson refuses bytes that are not UTF-8', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0xaf, 0x22],
      [0xff, 0xfe, 0x7b, 0x00],
    ]) {
      assert.throws(() => parseJson(new Uint8Array(bytes), { what }), { code: 'MANIFEST_INVALID' });
    }
  });

  test('parseJson accepts 64 levels, or as many as `maxDepth` allows', () => {
    parse('['.repeat(64) + ']'.repeat(64));
    assert.throws(() => parseJson(encoder.encode('[[1]]'), { what, maxDepth: 1 }), {
      code: 'MANIFEST_INVALID',
    });
  });

  test('parseJson accepts no more than `maxBytes`', () => {
    assert.equal(parseJson(encoder.encode('123'), { what, maxBytes: 3 }), 123);
    assert.throws(() => parseJson(encoder.encode('1234'), { what, maxBytes: 3 }), {
      code: 'TOO_LARGE',
      expected: 3,
      actual: 4,
    });
  });

  test('the error of parseJson names the document and quotes none of its text', () => {
    assert.throws(
      () => parse(`{"token": ${secret('JSON')}}`),
      (error) =>
        isGantryError(error) &&
        error.message.includes(what) &&
        !JSON.stringify(error).includes(secret('JSON')) &&
        error.cause === undefined,
    );
  });

  test('parseJson reads __proto__ as an ordinary key', () => {
    const value = parse('{"__proto__":{"polluted":true}}');
    assert.ok(typeof value === 'object' && value !== null);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.deepEqual(Object.keys(value), ['__proto__']);
    assert.equal('polluted' in {}, false);
  });
});

describe('properties of parseJson', () => {
  test('parseJson agrees with JSON.parse on everything that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom('', ' ', '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        assert.deepEqual(parse(text), JSON.parse(text));
      }),
    );
  });

  test('parseJson agrees with JSON.parse on any JSON, or reports a duplicate key', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '"\\u0061"',
      '1',
      'null',
      '"',
      '\\',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.array(token).map((tokens) => tokens.join('')),
        (text) => {
          const expected = attempt(() => JSON.parse(text));
          const actual = attempt(() => parse(text));
          if (!('value' in expected)) assert.ok(!('value' in actual));
          else if ('value' in actual) assert.deepEqual(actual.value, expected.value);
          else assert.equal(hasEqualKeys(text), true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('parseJson finds a duplicate key at any place', () => {
    const keys = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(keys, fc.nat(), fc.nat(5), fc.jsonValue(), (names, pick, depth, value) => {
        const again = names[pick % names.length] ?? '';
        const members = [...names, again].map((key) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
        const text = `${'[1,{"x":'.repeat(depth)}{${members.join()}}${'}]'.repeat(depth)}`;
        assert.throws(() => parse(text), { code: 'MANIFEST_INVALID' });
      }),
    );
  });
});

function attempt(run: () => unknown): { readonly value: unknown } | { readonly error: unknown } {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}

/** Finds a duplicate key in the slow way: writing the value again loses one of the two. */
function hasEqualKeys(text: string): boolean {
  return countKeys(text) > countKeys(JSON.stringify(JSON.parse(text)));
}

function countKeys(text: string): number {
  return text.match(/"(?:[^"\\]|\\.)*"\s*:/g)?.length ?? 0;
}
