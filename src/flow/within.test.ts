import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { within } from './within.ts';

const late = new Error('too late');
const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
const never = new Promise<never>(() => undefined);

describe('within', () => {
  it('within returns the result of the work and rejects with its error', async () => {
    assert.equal(await within(Promise.resolve(1), 60_000, () => late), 1);
    const failure = new Error('no');
    await assert.rejects(
      within(Promise.reject(failure), 60_000, () => late),
      (error) => error === failure,
    );
  });

  it('within ends when the work does not', async () => {
    await assert.rejects(
      within(never, 1, () => late),
      (error) => error === late,
    );
  });

  it('within leaves no timer behind', async () => {
    const before = timers();
    await within(Promise.resolve(1), 60_000, () => late);
    await new Promise(setImmediate);
    assert.equal(timers(), before);
  });
});
