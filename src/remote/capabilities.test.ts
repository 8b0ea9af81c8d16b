import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../flow/hash.ts';
import { createCapabilities } from './capabilities.ts';

const digest = (name: number) => digestOf(new TextEncoder().encode(String(name)));

describe('the repositories in which a blob was seen', () => {
  it('a blob has no holders at first', () =>
    assert.deepEqual(createCapabilities().holders.of(digest(1)), []));

  it('the holders of a blob are the last two repositories, the newest first, each once', () => {
    const { holders } = createCapabilities();
    for (const repository of ['a', 'b', 'c', 'b']) holders.note(digest(1), repository);
    assert.deepEqual(holders.of(digest(1)), ['b', 'c']);
    assert.deepEqual(holders.of(digest(2)), []);
  });

  it('the holders of the oldest blob are forgotten when there are very many blobs', () => {
    const { holders } = createCapabilities();
    const all = Array.from({ length: 20_001 }, (_, at) => digest(at));
    for (const one of all.slice(0, -1)) holders.note(one, 'a');
    holders.note(digest(0), 'b');
    holders.note(digest(20_000), 'a');
    assert.deepEqual(holders.of(digest(0)), ['b', 'a']);
    assert.deepEqual(holders.of(digest(1)), []);
    assert.deepEqual(holders.of(digest(2)), ['a']);
  });
});
