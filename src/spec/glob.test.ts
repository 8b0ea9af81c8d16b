import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tagPattern } from './glob.ts';

describe('tagPattern', () => {
  for (const [pattern, yes, no] of [
    ['pr-*', ['pr-', 'pr-1', 'pr-x-y'], ['pr', 'a-pr-1', 'PR-1']],
    ['*', ['a', 'latest'], []],
    ['v1.?', ['v1.0', 'v1.9'], ['v1.', 'v1.10', 'v1x0']],
    ['*-rc*-*', ['1-rc1-amd64', '-rc-'], ['1-rc1', 'rc-1']],
    ['latest', ['latest'], ['latest2', 'lates']],
    ['a*b*c', ['abc', 'abbc', 'axbxbxc'], ['ab', 'acb']],
  ] as const) {
    it(`the pattern ${pattern} matches whole tags`, () => {
      const fits = tagPattern(pattern);
      assert.deepEqual([...yes, ...no].filter(fits), [...yes]);
    });
  }

  it('a pattern is refused when no tag can match it', () => {
    for (const pattern of ['', 'a/b', '[ab]', '{a,b}', 'a b', 'x'.repeat(301)]) {
      assert.throws(() => tagPattern(pattern), { code: 'INVALID_OPTION' });
    }
  });

  it('the time of a match does not grow with the number of stars', () => {
    assert.equal(tagPattern('*a'.repeat(60))(`${'a'.repeat(127)}b`), false);
  });
});
