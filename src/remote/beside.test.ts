import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock, type ManualClock } from '../time/clock.test.support.ts';
import { type Reading, readBeside } from './beside.ts';

type Step = number | 'silence' | 'end' | Error;

interface Script extends Reading {
  isEnded(): boolean;
}

/** A reading that brings a byte for each number, stands still, ends or fails. */
function script(...steps: readonly Step[]): Script {
  let at = 0;
  let isEnded = false;
  return {
    begun: Promise.resolve(),
    next() {
      const step = steps[at++] ?? 'end';
      if (step === 'silence') return new Promise(() => undefined);
      if (step === 'end') return Promise.resolve({ done: true, value: undefined });
      return step instanceof Error
        ? Promise.reject(step)
        : Promise.resolve({ done: false, value: Uint8Array.of(step) });
    },
    end() {
      isEnded = true;
    },
    isEnded: () => isEnded,
  };
}

async function bytesOf(clock: ManualClock, ...readings: readonly Reading[]): Promise<readonly number[]> {
  const left = [...readings];
  const bytes: number[] = [];
  const begin = (): Reading => left.shift() ?? assert.fail('one more reading');
  for await (const [byte = -1] of readBeside(begin, clock)) bytes.push(byte);
  assert.equal(left.length, 0);
  return bytes;
}

const failure = new Error('cut');
const other = new Error('refused');

describe('silent-read: a body that stands still', () => {
  const rows: readonly [how: string, readings: readonly Script[], bytes: readonly number[]][] = [
    ['a body that moves is not requested twice', [script(1, 2, 3)], [1, 2, 3]],
    ['a second request continues a body that stands still', [script(1, 'silence'), script(2, 3)], [1, 2, 3]],
    [
      'a third request continues a body that stands still twice',
      [script(1, 'silence'), script(2, 'silence'), script(3)],
      [1, 2, 3],
    ],
  ];
  for (const [how, readings, expected] of rows) {
    it(how, async () => {
      const clock = createManualClock();
      const read = bytesOf(clock, ...readings);
      for (let at = 1; at < readings.length; at++) {
        // The reader takes bytes that arrive at once.
        await new Promise(setImmediate);
        assert.equal(await clock.waiting(), 10_000);
        await clock.advance(10_000);
      }
      assert.deepEqual(await read, expected);
      assert.deepEqual([clock.set(), readings.every((one) => one.isEnded())], [0, true]);
    });
  }

  it('end-that-never-comes: a body ends when no byte is left to ask for', async () => {
    const clock = createManualClock();
    const whole = script(1, 'silence');
    const left = [whole];
    const bytes: number[] = [];
    const read = (async () => {
      for await (const [byte = -1] of readBeside(() => left.shift(), clock)) bytes.push(byte);
    })();
    await new Promise(setImmediate);
    assert.equal(await clock.waiting(), 10_000);
    await clock.advance(10_000);
    await read;
    assert.deepEqual([bytes, whole.isEnded(), clock.set()], [[1], true, 0]);
  });

  it('silent-read: a silent body is never cut, and its bytes count if they arrive before those of the second request', async () => {
    const clock = createManualClock();
    let bring: (() => void) | undefined;
    const slow = script(2, 3);
    const waited = new Promise<void>((resolve) => {
      bring = resolve;
    });
    const first: Reading = { ...slow, next: () => waited.then(() => slow.next()) };
    const second = script('silence');
    const read = bytesOf(clock, first, second);
    await clock.waiting();
    await clock.advance(10_000);
    assert.equal(slow.isEnded(), false);
    bring?.();
    assert.deepEqual(await read, [2, 3]);
    assert.deepEqual([second.isEnded(), clock.set()], [true, 0]);
  });

  for (const [how, second] of [
    ['fails', script(other)],
    ['brings no bytes', script('end')],
  ] as const) {
    it(`a body fails with its own error when the second request ${how}`, async () => {
      const clock = createManualClock();
      let fail: (() => void) | undefined;
      const first: Reading = {
        ...script(),
        next: () =>
          new Promise((_, reject) => {
            fail = () => reject(failure);
          }),
      };
      const read = bytesOf(clock, first, second);
      await clock.waiting();
      await clock.advance(10_000);
      fail?.();
      await assert.rejects(read, (error) => error === failure);
      assert.equal(clock.set(), 0);
    });
  }
});
