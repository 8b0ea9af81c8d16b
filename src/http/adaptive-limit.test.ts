import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../time/clock.test.support.ts';
import { type AdaptiveLimit, createAdaptiveLimit, type Release } from './adaptive-limit.ts';

/** Enters as often as there is room, and returns the entered requests. One more waits until the signal aborts. */
async function fill(limit: AdaptiveLimit): Promise<Release[]> {
  const entered: Release[] = [];
  for (;;) {
    const end = new AbortController();
    const next = await Promise.race([
      limit.enter(end.signal).catch(() => undefined),
      new Promise<undefined>((resolve) => setImmediate(resolve, undefined)),
    ]);
    end.abort();
    if (next === undefined) return entered;
    entered.push(next);
  }
}

describe('createAdaptiveLimit', () => {
  it('an adaptive limit begins at its most, and one throttled answer halves it', async () => {
    const limit = createAdaptiveLimit(8);
    const first = await fill(limit);
    assert.equal(first.length, 8);
    for (const release of first) release('throttled');
    assert.equal((await fill(limit)).length, 4);
  });

  it('an adaptive limit never falls below one request', async () => {
    const limit = createAdaptiveLimit(2);
    for (let round = 0; round < 5; round++) {
      for (const release of await fill(limit)) release('throttled');
    }
    assert.equal((await fill(limit)).length, 1);
  });

  it('an adaptive limit rises by one for each round of answers, up to its most', async () => {
    const limit = createAdaptiveLimit(4);
    for (const release of await fill(limit)) release('throttled');
    const widths: number[] = [];
    for (let round = 0; round < 5; round++) {
      const entered = await fill(limit);
      widths.push(entered.length);
      for (const release of entered) release('answered');
    }
    assert.deepEqual(widths, [2, 2, 3, 4, 4]);
  });

  it('an outcome that says nothing changes no limit, and a second release changes nothing', async () => {
    const limit = createAdaptiveLimit(2);
    for (const release of await fill(limit)) {
      release(undefined);
      release('throttled');
    }
    assert.equal((await fill(limit)).length, 2);
  });

  it('requests enter in the order of their calls', async () => {
    const limit = createAdaptiveLimit(1);
    const release = await limit.enter();
    const order: number[] = [];
    const later = [1, 2, 3].map(async (name) => {
      const leave = await limit.enter();
      order.push(name);
      leave('answered');
    });
    release('answered');
    await Promise.all(later);
    assert.deepEqual(order, [1, 2, 3]);
  });

  it('a request goes ahead after five minutes, and an aborted one rejects with its reason', async () => {
    const clock = createManualClock();
    const limit = createAdaptiveLimit(1, clock);
    await limit.enter();
    const patient = limit.enter();
    const end = new AbortController();
    const aborted = limit.enter(end.signal);
    end.abort(new Error('enough'));
    await assert.rejects(aborted, { message: 'enough' });
    await clock.advance(5 * 60_000);
    (await patient)('answered');
    assert.equal(clock.set(), 0);
    await assert.rejects(async () => limit.enter(end.signal), { message: 'enough' });
  });
});
