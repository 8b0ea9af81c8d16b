import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tagPattern } from './glob.ts';

describe('a pattern of tags', () => {
  for (const [pattern, yes, no] of [
    ['pr-*', ['pr-', 'pr-1', 'pr-x-y'], ['pr', 'a-pr-1', 'PR-1']],
    ['*', ['a', 'latest'], []],
    ['v1.?', ['v1.0', 'v1.9'], ['v1.', 'v1.10', 'v1x0']],
    ['*-rc*-*', ['1-rc1-amd64', '-rc-'], ['1-rc1', 'rc-1']],
    ['latest', ['latest'], ['latest2', 'lates']],
    ['a*b*c', ['abc', 'abbc', 'axbxbxc'], ['ab', 'acb']],
  ] as const) {
    it(`matches whole tags: ${pattern}`, () => {
      const fits = tagPattern(pattern);
      assert.deepEqual([...yes, ...no].filter(fits), [...yes]);
    });
  }

  it('is refused where no tag could match it', () => {
    for (const pattern of ['', 'a/b', '[ab]', '{a,b}', 'a b', 'x'.repeat(301)]) {
      assert.throws(() => tagPattern(pattern), { code: 'INVALID_OPTION' });
    }
  });

  it('takes no time that grows with the number of its stars', () => {
    assert.equal(tagPattern('*a'.repeat(60))(`${'a'.repeat(127)}b`), false);
  });
});
