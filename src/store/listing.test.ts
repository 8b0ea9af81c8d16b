import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { compareBytes, listed } from './listing.ts';

it('compareBytes orders names by their UTF-8 bytes', () => {
  const name = fc.string({ unit: 'binary', maxLength: 4 });
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

it('compareBytes orders a character outside the basic plane after all others', () => {
  assert.deepEqual(listed(['\u{1f600}', '\uffee', 'z']), ['z', '\uffee', '\u{1f600}']);
});

it('a listing begins after a name that need not exist', () => {
  assert.deepEqual(listed(['c', 'a', 'b'], 'aa'), ['b', 'c']);
  assert.deepEqual(listed(['c', 'a', 'b'], 'c'), []);
});
