import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Recent } from './recent.ts';

describe('what was used recently', () => {
  it('is kept up to a weight, and the oldest use goes first', () => {
    const recent = new Recent<string>(3);
    for (const key of ['a', 'b', 'c']) recent.set(key, key);
    assert.equal(recent.get('a'), 'a');
    recent.set('d', 'd');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].filter((key) => recent.has(key)),
      ['a', 'c', 'd'],
    );
    recent.set('heavy', 'x', 2);
    assert.deepEqual(
      ['a', 'c', 'd', 'heavy'].filter((key) => recent.has(key)),
      ['d', 'heavy'],
    );
  });

  it('never holds what is heavier than everything, nor an old value of its key', () => {
    const recent = new Recent<number>(3);
    recent.set('a', 1);
    recent.set('a', 2, 4);
    assert.equal(recent.get('a'), undefined);
    recent.set('b', 1, 3);
    recent.set('b', 2, 1);
    recent.set('c', 3, 2);
    assert.deepEqual([recent.get('b'), recent.get('c')], [2, 3]);
    recent.delete('b');
    assert.equal(recent.has('b'), false);
  });
});
