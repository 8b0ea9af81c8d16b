import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createResources } from './resources.ts';

describe('the resources of registries', () => {
  it('two values of resources share no limit', async () => {
    const [one, other] = [createResources(), createResources()];
    for (let taken = 0; taken < 4; taken++) await one.streams.acquire(1);
    const permit = await other.streams.acquire(1, { signal: AbortSignal.timeout(5000) });
    permit.release();
    while (one.parts.take());
    assert.ok(other.parts.take());
  });

  it('all who ask for the same bandwidth share it, and another one has its own', () => {
    const resources = createResources();
    assert.equal(resources.bandwidth(4096), resources.bandwidth(4096));
    assert.notEqual(resources.bandwidth(4096), resources.bandwidth(8192));
    assert.notEqual(resources.bandwidth(4096), createResources().bandwidth(4096));
  });
});
