import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createPlaces } from './places.ts';

it('places are refused above their number, and free again after leave', () => {
  const places = createPlaces(2);
  assert.deepEqual([places.take(), places.take(), places.take()], [true, true, false]);
  places.leave();
  assert.deepEqual([places.take(), places.take()], [true, false]);
});
