import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Lru } from './lru.ts';

describe('Lru', () => {
  it('an Lru keeps values up to a total weight and drops the least recently used first', () => {
    const lru = new Lru<string>(3);
    for (const key of ['a', 'b', 'c']) lru.set(key, key);
    assert.equal(lru.get('a'), 'a');
    lru.set('d', 'd');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].filter((key) => lru.has(key)),
      ['a', 'c', 'd'],
    );
    lru.set('heavy', 'x', 2);
    assert.deepEqual(
      ['a', 'c', 'd', 'heavy'].filter((key) => lru.has(key)),
      ['d', 'heavy'],
    );
  });

  it('an Lru keeps neither a value above its limit nor an old value of the same key', () => {
    const lru = new Lru<number>(3);
    lru.set('a', 1);
    lru.set('a', 2, 4);
    assert.equal(lru.get('a'), undefined);
    lru.set('b', 1, 3);
    lru.set('b', 2, 1);
    lru.set('c', 3, 2);
    assert.deepEqual([lru.get('b'), lru.get('c')], [2, 3]);
    lru.delete('b');
    assert.equal(lru.has('b'), false);
  });

  it('an Lru lists its values from the least to the most recently used', () => {
    const lru = new Lru<number>(3);
    for (const [at, key] of ['a', 'b', 'c'].entries()) lru.set(key, at);
    lru.get('a');
    assert.deepEqual([...lru.keys()], ['b', 'c', 'a']);
    assert.deepEqual([...lru.values()], [1, 2, 0]);
  });
});
