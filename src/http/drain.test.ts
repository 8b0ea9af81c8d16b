import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock } from '../time/clock.test.support.ts';
import { drainBody } from './drain.ts';

interface Body extends AsyncIterableIterator<Uint8Array> {
  isLetGo(): boolean;
}

/** A body with chunks of these lengths. `never` stands for a chunk that does not arrive. */
function bodyOf(...lengths: readonly (number | 'never' | Error)[]): Body {
  let at = 0;
  let isLetGo = false;
  const body: Body = {
    [Symbol.asyncIterator]: () => body,
    next() {
      const length = lengths[at++];
      if (length === undefined) return Promise.resolve({ done: true, value: undefined });
      if (length === 'never') return new Promise(() => undefined);
      if (length instanceof Error) return Promise.reject(length);
      return Promise.resolve({ done: false, value: new Uint8Array(length) });
    },
    return() {
      isLetGo = true;
      return Promise.resolve({ done: true, value: undefined });
    },
    isLetGo: () => isLetGo,
  };
  return body;
}

describe('drainBody', () => {
  for (const [what, body, letGo] of [
    ['drainBody reads a short body to its end', bodyOf(10, 20), false],
    ['drainBody cancels a long body', bodyOf(40_000, 40_000, 40_000), true],
    ['drainBody ignores the failure of a broken body', bodyOf(10, new Error('cut')), false],
  ] as const) {
    it(what, async () => {
      const clock = createManualClock();
      await drainBody(body, clock);
      assert.deepEqual([body.isLetGo(), clock.set()], [letGo, 0]);
    });
  }

  it('dripping-answers: drain cancels a body after one second, even if it still yields bytes', async () => {
    const clock = createManualClock();
    const body = bodyOf(10, 'never');
    const left = drainBody(body, clock);
    assert.equal(await clock.waiting(), 1000);
    await clock.advance(1000);
    await left;
    assert.ok(body.isLetGo());
  });
});
