import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock, type ManualClock } from '../time/clock.test.support.ts';
import { createPace, type Pace } from './pace.ts';

const mebibyte = 1024 * 1024;

/** Takes pieces without an end, and counts the bytes that have passed. */
function taker(pace: Pace): { readonly passed: () => number } {
  let bytes = 0;
  const run = async (): Promise<void> => {
    for (;;) {
      // Each piece waits, since bytes that pass at once would never let the clock of the test move.
      await (pace.take(pace.piece) ?? Promise.resolve());
      bytes += pace.piece;
    }
  };
  void run();
  return { passed: () => bytes };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function paceAt(rate: number): { readonly pace: Pace; readonly clock: ManualClock } {
  const clock = createManualClock(1000);
  return { pace: createPace(rate, clock), clock };
}

describe('a pace', () => {
  for (const [rate, takers] of [
    [1024, 1],
    [10 * 1024, 16],
    [mebibyte, 1],
    [mebibyte, 8],
    [1.5 * mebibyte, 3],
    [10 * mebibyte, 8],
    [200 * mebibyte, 16],
  ] as const) {
    it(`a pace of ${rate} B/s with ${takers} takers lets that many bytes pass in each of 10 s, to within two pieces`, async () => {
      const { pace, clock } = paceAt(rate);
      const all = Array.from({ length: takers }, () => taker(pace));
      const passed = (): number => all.reduce((sum, one) => sum + one.passed(), 0);
      await settled();
      for (let second = 1; second <= 10; second++) {
        await clock.advance(1000);
        const error = passed() - second * rate;
        assert.ok(Math.abs(error) <= 2 * pace.piece, `after ${second} s: ${error} bytes off`);
      }
      const shares = all.map((one) => one.passed());
      assert.ok(Math.max(...shares) - Math.min(...shares) <= pace.piece, 'all takers move on equally');
    });
  }

  it('the first bytes pass at once, and the next ones wait for as long as the first ones take', async () => {
    const { pace, clock } = paceAt(1000);
    assert.equal(pace.take(500), undefined);
    const second = pace.take(1);
    assert.notEqual(second, undefined);
    assert.equal(await clock.waiting(), 500);
    await clock.advance(500);
    await second;
  });

  it('bytes that come less than 40 ms before their turn pass at once', () => {
    const { pace } = paceAt(100_000);
    assert.equal(pace.take(3900), undefined);
    assert.equal(pace.take(100), undefined);
    assert.notEqual(pace.take(1), undefined);
  });

  it('after an idle minute no more than a quarter of a second is made up for', async () => {
    const { pace, clock } = paceAt(1000);
    void pace.take(1);
    await clock.advance(60_000);
    assert.equal(pace.take(250), undefined);
    assert.equal(pace.take(40), undefined);
    assert.notEqual(pace.take(1), undefined);
  });

  it('a pace is full while bytes come as fast as they may pass, and not when they come more slowly', async () => {
    const { pace, clock } = paceAt(1000);
    assert.equal(pace.isFull, false);
    await Promise.all([pace.take(500), clock.advance(500)]);
    assert.equal(pace.isFull, true);
    await clock.advance(40);
    assert.equal(pace.isFull, true);
    await clock.advance(20);
    assert.equal(pace.isFull, false);
    void pace.take(10);
    assert.equal(pace.isFull, false);
  });

  it('a wait ends with the reason of the signal, and the bytes behind it do not wait for it', async () => {
    const { pace, clock } = paceAt(1000);
    void pace.take(1000);
    const end = new AbortController();
    const given = pace.take(5000, end.signal);
    const reason = new Error('enough');
    end.abort(reason);
    await assert.rejects(given ?? Promise.resolve(), reason);
    const next = pace.take(1);
    assert.equal(await clock.waiting(), 1000);
    await clock.advance(1000);
    await next;
  });

  it('pieces have a twentieth of a second, and at least one byte', () => {
    assert.equal(paceAt(10 * mebibyte).pace.piece, 524_288);
    assert.equal(paceAt(1).pace.piece, 1);
  });
});
