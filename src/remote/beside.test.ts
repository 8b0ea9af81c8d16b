import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createManualClock, type ManualClock } from '../time/clock.test.support.ts';
import { type Reading, Rush, readBeside } from './beside.ts';

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
  for await (const [byte = -1] of readBeside(begin, { clock })) bytes.push(byte);
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
      for await (const [byte = -1] of readBeside(() => left.shift(), { clock })) bytes.push(byte);
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

/** A reading whose bytes the test brings one after the other. */
interface Played extends Reading {
  readonly bring: (...bytes: readonly number[]) => Promise<void>;
  readonly finish: (error?: Error) => Promise<void>;
  isEnded(): boolean;
}

type Bytes = IteratorResult<Uint8Array>;

interface Deferred {
  readonly promise: Promise<Bytes>;
  readonly resolve: (next: Bytes) => void;
  readonly reject: (error: Error) => void;
}

function deferred(): Deferred {
  let settle: Omit<Deferred, 'promise'> | undefined;
  const promise = new Promise<Bytes>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle ?? assert.fail('a promise settles itself')) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function played(): Played {
  let current = deferred();
  let isEnded = false;
  return {
    begun: Promise.resolve(),
    next: () => current.promise,
    async bring(...bytes) {
      const { resolve } = current;
      current = deferred();
      resolve({ done: false, value: Uint8Array.from(bytes) });
      await turn();
    },
    async finish(error) {
      if (error === undefined) current.resolve({ done: true, value: undefined });
      else current.reject(error);
      await turn();
    },
    end() {
      isEnded = true;
    },
    isEnded: () => isEnded,
  };
}

interface Overtaking {
  readonly first: Played;
  readonly second: Played;
  readonly rush: Rush;
  readonly bytes: readonly number[];
  readonly read: Promise<void>;
}

/** A first reading that has brought one byte, and a second one beside it. */
async function overtaking(): Promise<Overtaking> {
  const [first, second, rush] = [played(), played(), new Rush()];
  const left = [first, second];
  const bytes: number[] = [];
  assert.equal(rush.ask(), false, 'nothing is awaited yet');
  const read = (async () => {
    for await (const chunk of readBeside(() => left.shift(), { clock: createManualClock(), rush }))
      bytes.push(...chunk);
  })();
  read.catch(() => undefined);
  await first.bring(1);
  assert.equal(rush.ask(), true);
  await new Promise(setImmediate);
  assert.deepEqual([bytes, left.length], [[1], 0]);
  return { first, second, rush, bytes, read };
}

describe('slow-part: a second reading beside a slow one', () => {
  it('slow-part: the second reading takes over when it is ahead, and each byte comes once', async () => {
    const { first, second, rush, bytes, read } = await overtaking();
    await first.bring(2, 3);
    await second.bring(2);
    assert.deepEqual([bytes, first.isEnded()], [[1, 2, 3], false]);
    await second.bring(3, 4);
    assert.deepEqual([bytes, first.isEnded(), rush.repeated], [[1, 2, 3, 4], true, 2]);
    await second.bring(5);
    await second.finish();
    await read;
    assert.deepEqual(bytes, [1, 2, 3, 4, 5]);
  });

  it('slow-part: a second reading that is never ahead ends with the first one', async () => {
    const { first, second, bytes, read } = await overtaking();
    await second.bring(2);
    assert.equal(first.isEnded(), true);
    await second.finish();
    await read;
    assert.deepEqual(bytes, [1, 2]);
    const other = await overtaking();
    await other.first.bring(2, 3);
    await other.second.bring(2);
    await other.first.finish();
    await other.read;
    assert.deepEqual([other.bytes, other.second.isEnded()], [[1, 2, 3], true]);
  });

  it('slow-part: the first reading continues when the second one fails, and another second one can follow', async () => {
    const { first, second, rush, bytes, read } = await overtaking();
    await first.bring(2);
    await second.finish(failure);
    await first.bring(3);
    assert.deepEqual([bytes, second.isEnded(), rush.ask()], [[1, 2, 3], true, true]);
    await new Promise(setImmediate);
    // No byte is left to ask for.
    await read;
  });

  it('slow-part: the second reading continues when the first one fails, without the bytes that have come', async () => {
    const { first, second, bytes, read } = await overtaking();
    await first.bring(2, 3);
    await first.finish(failure);
    await second.bring(2);
    await second.bring(3, 4);
    await second.finish();
    await read;
    assert.deepEqual([bytes, first.isEnded()], [[1, 2, 3, 4], true]);
  });

  it('slow-part: a reading fails when both fail', async () => {
    const { first, second, read } = await overtaking();
    await first.bring(2);
    await first.finish(failure);
    await second.finish(other);
    await assert.rejects(read, (error) => error === other);
  });

  it('slow-part: no third reading begins beside two', async () => {
    const { first, second, rush, read } = await overtaking();
    assert.equal(rush.ask(), false);
    await first.finish();
    await read;
    assert.deepEqual([first.isEnded(), second.isEnded()], [true, true]);
  });
});
