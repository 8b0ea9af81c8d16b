import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { compareBytes, listed } from './listing.ts';

it('names are ordered as their UTF-8 bytes are', () => {
  const name = fc.string({ unit: 'binary', maxLength: 4 });
  fc.assert(
    fc.property(name, name, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

it('a character outside the basic plane comes after every one inside it', () => {
  assert.deepEqual(listed(['\u{1f600}', '\uffee', 'z']), ['z', '\uffee', '\u{1f600}']);
});

it('a listing begins after a name that need not exist', () => {
  assert.deepEqual(listed(['c', 'a', 'b'], 'aa'), ['b', 'c']);
  assert.deepEqual(listed(['c', 'a', 'b'], 'c'), []);
});
