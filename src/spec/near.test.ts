import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { nearest } from './near.ts';

const names = ['platform', 'insecure', 'timeout', 'json', 'ls', 'cp'];

/** Removes, adds, changes or swaps a letter. */
function oneMistake(text: string, at: number, kind: number, other: string): string {
  const place = at % text.length;
  const [before, after] = [text.slice(0, place), text.slice(place + 1)];
  if (kind === 0) return `${before}${after}`;
  if (kind === 1) return `${before}${other}${text.slice(place)}`;
  if (kind === 2) return `${before}${other}${after}`;
  return `${before}${after.slice(0, 1)}${text.charAt(place)}${after.slice(1)}`;
}

describe('nearest', () => {
  const rows: readonly (readonly [word: string, name: string | undefined, difference: string])[] = [
    ['platfrom', 'platform', 'two neighbours are swapped'],
    ['platfor', 'platform', 'a letter is missing'],
    ['plattform', 'platform', 'a letter is too much'],
    ['platfirm', 'platform', 'a letter is another'],
    ['pltfrm', 'platform', 'two letters are missing'],
    ['PLATFORM', 'platform', 'only the case is another'],
    ['JSON', 'json', 'the case of a short word is another'],
    ['jsn', 'json', 'one of three letters is missing'],
    ['platypus', undefined, 'more than two letters are others'],
    ['js', undefined, 'a word of two letters has no room for a mistake'],
    ['xs', undefined, 'a third of two letters is none'],
    ['', undefined, 'the word is empty'],
  ];
  for (const [word, name, difference] of rows) {
    it(`nearest finds ${name ?? 'nothing'} for "${word}", where ${difference}`, () => {
      assert.equal(nearest(word, names), name);
    });
  }

  it('nearest prefers the name with the fewest mistakes, and the first of equal ones', () => {
    assert.equal(nearest('timeou', ['timer', 'timeout', 'timeous']), 'timeout');
    assert.equal(nearest('abcd', ['abce', 'abcf']), 'abce');
  });

  it('nearest compares no word of more than 60 letters', () => {
    const long = 'a'.repeat(60);
    assert.equal(nearest(long, [`${long}b`]), `${long}b`);
    assert.equal(nearest(`${long}a`, [`${long}ab`]), undefined);
  });

  it('nearest finds a long word again after any one mistake', () => {
    const letter = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const word = fc.array(letter, { minLength: 3, maxLength: 20 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(word, fc.nat(), fc.nat(3), letter, (text, at, kind, other) => {
        const wrong = oneMistake(text, at, kind, other);
        fc.pre(wrong.length >= 3);
        assert.equal(nearest(wrong, [text]), text);
      }),
    );
  });
});
