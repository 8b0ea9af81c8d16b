import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { editJson } from './edit.ts';

/** Text of JSON in any spelling: white space, escapes and numbers that JavaScript cannot hold. */
const space = fc.constantFrom('', ' ', '\n', '\t ', '\r\n');
const scalar = fc.constantFrom(
  'null',
  'true',
  '12345678901234567890',
  '1.50e+07',
  '-0',
  '"\\u00e9\\/"',
  '"a,]}\\"{["',
  '""',
  '"é😀"',
);
const spelled = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc
      .tuple(fc.array(fc.tuple(space, tie('value'), space), { maxLength: 3 }), space)
      .map(
        ([items, empty]) =>
          `[${items.length === 0 ? empty : items.map((parts) => parts.join('')).join(',')}]`,
      ),
    fc
      .array(fc.tuple(space, space, tie('value'), space), { maxLength: 3 })
      .map(
        (items) =>
          `{${items.map(([before, colon, value, after], at) => `${before}"k${at}"${colon}:${value}${after}`).join(',')}}`,
      ),
  ),
})).value;

const members = fc.array(fc.tuple(space, space, space, spelled, space), { minLength: 1, maxLength: 5 });
const replacement = fc.constantFrom<unknown>(1, 'new', null, [1, 'x'], { a: { b: [] } });

function edited(text: string, path: readonly [string | number], value: unknown): string {
  const bytes = new TextEncoder().encode(text);
  return new TextDecoder().decode(editJson(bytes, [{ path, value }], { what: 'a document' }));
}

describe('the bytes that an edit keeps', () => {
  it('a replaced member of an object changes its own value, and no byte before or after it', () => {
    fc.assert(
      fc.property(members, fc.nat(), replacement, space, (parts, index, value, around) => {
        const chosen = index % parts.length;
        const document = (at: number, put: string): string =>
          `${around}{${parts
            .map(([before, left, right, own, after], place) => {
              return `${before}"m${place}"${left}:${right}${place === at ? put : own}${after}`;
            })
            .join(',')}}${around}`;
        const before = document(-1, '');
        assert.equal(edited(before, [`m${chosen}`], value), document(chosen, JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  it('a replaced element of an array changes its own value, and no byte before or after it', () => {
    fc.assert(
      fc.property(members, fc.nat(), replacement, (parts, index, value) => {
        const chosen = index % parts.length;
        const document = (at: number, put: string): string =>
          `[${parts.map(([before, , , own, after], place) => `${before}${place === at ? put : own}${after}`).join(',')}]`;
        assert.equal(edited(document(-1, ''), [chosen], value), document(chosen, JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  it('a removed member takes its own bytes along, and every other value stays as it is spelled', () => {
    fc.assert(
      fc.property(members, fc.nat(), (parts, index) => {
        const chosen = index % parts.length;
        const text = `{${parts.map(([, , , own], place) => `"m${place}":${own}`).join(',')}}`;
        const rest = parts.flatMap(([, , , own], place) => (place === chosen ? [] : [`"m${place}":${own}`]));
        assert.equal(edited(text, [`m${chosen}`], undefined), `{${rest.join(',')}}`);
      }),
      { numRuns: 500 },
    );
  });

  it('an added member comes last, behind the bytes of the document', () => {
    fc.assert(
      fc.property(members, replacement, (parts, value) => {
        const text = `{${parts.map(([, , , own], place) => `"m${place}":${own}`).join(',')}`;
        assert.equal(edited(`${text}}`, ['new'], value), `${text},"new":${JSON.stringify(value)}}`);
      }),
      { numRuns: 300 },
    );
  });

  it('an edit of a cut or doubled document is refused and never guessed', () => {
    const text = '{"a":{"b":[1,2,{"c":"d"}]},"e":null}';
    for (let end = 1; end < text.length; end++) {
      assert.throws(() => edited(text.slice(0, end), ['a'], 1), { code: 'MANIFEST_INVALID' });
    }
    for (const wrong of [
      `${text}${text}`,
      `${text},`,
      text.replace(':{', '{'),
      text.replace('null', 'nul'),
    ]) {
      assert.throws(() => edited(wrong, ['a'], 1), { code: 'MANIFEST_INVALID' });
    }
  });
});
