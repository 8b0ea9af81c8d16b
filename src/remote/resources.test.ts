import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPlaces, createResources } from './resources.ts';

describe('the resources of registries', () => {
  it('places are refused above their number, and free again after leave', () => {
    const places = createPlaces(2);
    assert.deepEqual([places.take(), places.take(), places.take()], [true, true, false]);
    places.leave();
    assert.deepEqual([places.take(), places.take()], [true, false]);
  });

  it('two values of resources share no limit', async () => {
    const [one, other] = [createResources(), createResources()];
    for (let taken = 0; taken < 4; taken++) await one.streams.acquire(1);
    const permit = await other.streams.acquire(1, { signal: AbortSignal.timeout(5000) });
    permit.release();
    while (one.parts.take());
    assert.ok(other.parts.take());
  });
});
