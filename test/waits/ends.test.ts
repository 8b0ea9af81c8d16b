import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRwLock } from '../../src/disk/rw-lock.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createKeyedMutex, createMutex, strictMutex } from '../../src/flow/mutex.ts';
import { createSemaphore } from '../../src/flow/semaphore.ts';
import { createSingleFlight } from '../../src/flow/single-flight.ts';
import { createAdaptiveLimit } from '../../src/http/adaptive-limit.ts';
import { createQuestions } from '../../src/pull-through/questions.ts';
import { createRecentWrites } from '../../src/remote/upload/recent-writes.ts';
import type { WriteOutcome } from '../../src/store/contract.ts';
import { createUploadMutex } from '../../src/store/upload-mutex.ts';
import { createManualClock, type ManualClock } from '../../src/time/clock.test.support.ts';

type Work = (signal?: AbortSignal) => Promise<WriteOutcome>;
/** Does the work when its turn comes, or takes the result of an earlier caller. */
type Call = (work: Work, signal?: AbortSignal) => Promise<WriteOutcome>;

interface Row {
  readonly name: string;
  readonly make: (clock: ManualClock) => Call;
  /** The fate of a caller behind one that is silent for ever. */
  readonly silence: 'goes ahead' | 'is refused';
  /** The first caller's work serves all callers that want its result. */
  readonly shared?: true;
}

const digest = digestOf(new TextEncoder().encode('blob'));

const rows: readonly Row[] = [
  {
    name: 'turns that spare work',
    make(clock) {
      const turns = createMutex({ clock });
      return (work, signal) => turns(() => work(signal), { signal });
    },
    silence: 'goes ahead',
  },
  {
    name: 'turns that never overlap',
    make(clock) {
      const turns = createMutex(strictMutex('the thing', { clock }));
      return (work, signal) => turns(() => work(signal), { signal });
    },
    silence: 'is refused',
  },
  {
    name: 'turns for each key',
    make(clock) {
      const turns = createKeyedMutex(strictMutex('the thing', { clock }));
      return (work, signal) => turns('a', () => work(signal), { signal });
    },
    silence: 'is refused',
  },
  {
    name: 'turns of an upload session',
    make(clock) {
      const turns = createUploadMutex('a', { clock });
      return (work, signal) => turns.run(() => work(signal), { signal });
    },
    silence: 'is refused',
  },
  {
    name: 'a place of a semaphore',
    make(clock) {
      const semaphore = createSemaphore(1, { clock });
      return async (work, signal) => {
        const permit = await semaphore.acquire(1, { signal });
        return work(signal).finally(permit.release);
      };
    },
    silence: 'goes ahead',
  },
  {
    name: 'a lock that is held alone',
    make(clock) {
      const lock = createRwLock(strictMutex('the repository', { clock }));
      return (work, signal) => lock.exclusive(() => work(signal), { signal });
    },
    silence: 'is refused',
  },
  {
    name: 'a place among the requests to a host',
    make(clock) {
      const places = createAdaptiveLimit(1, clock);
      return async (work, signal) => {
        const leave = await places.enter(signal);
        return work(signal).finally(() => leave(undefined));
      };
    },
    silence: 'goes ahead',
  },
  {
    name: 'a blob that another copy sends',
    make(clock) {
      const arrivals = createRecentWrites(clock);
      return (work, signal) => arrivals.write('a', digest, () => work(signal), { signal });
    },
    silence: 'goes ahead',
  },
  {
    name: 'work that is done once',
    make(clock) {
      const flights = createSingleFlight<string, WriteOutcome>({ clock });
      return (work, signal) => flights.run('a', work, { signal });
    },
    silence: 'is refused',
    shared: true,
  },
  {
    name: 'work that is done once and kept',
    make(clock) {
      const flights = createSingleFlight<string, WriteOutcome>({ clock, keep: true });
      return (work, signal) => flights.run('a', work, { signal });
    },
    silence: 'is refused',
    shared: true,
  },
  {
    name: 'a question to the upstream of a cache',
    make(clock) {
      const questions = createQuestions<WriteOutcome>(new AbortController().signal, { clock });
      return (work, signal) => questions('a', (options) => work(options.signal), { signal });
    },
    silence: 'is refused',
    shared: true,
  },
];

/** Lets everything that is ready continue. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = (): Promise<never> => new Promise(() => undefined);
const reason = new Error('enough');

/** Makes work that lasts until the test ends it or its signal aborts. */
function lasting(): {
  readonly work: Work;
  readonly end: (outcome: WriteOutcome | Error) => void;
  begun: number;
} {
  const ends = new EventTarget();
  let outcome: WriteOutcome | Error | undefined;
  const made = {
    begun: 0,
    work: (signal?: AbortSignal): Promise<WriteOutcome> => {
      made.begun++;
      return new Promise((resolve, reject) => {
        ends.addEventListener('end', () =>
          outcome instanceof Error ? reject(outcome) : resolve(outcome ?? 'uploaded'),
        );
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
    end: (given: WriteOutcome | Error): void => {
      outcome = given;
      ends.dispatchEvent(new Event('end'));
    },
  };
  return made;
}

for (const { name, make, silence, shared } of rows) {
  describe(`endless-waits: ${name}`, () => {
    it(`${name}: an aborted waiter leaves alone, and the first and the third caller continue`, async () => {
      const call = make(createManualClock());
      const [first, third] = [lasting(), lasting()];
      const leave = new AbortController();
      const one = call(first.work);
      const two = call(never, leave.signal);
      const three = call(third.work);
      await settled();
      leave.abort(reason);
      await assert.rejects(two, (error) => error === reason);
      first.end('mounted');
      assert.equal(await one, 'mounted');
      await settled();
      third.end('uploaded');
      assert.notEqual(await three, undefined);
    });

    it(`${name}: the next caller takes over when the first one aborts, and does not inherit the abort`, async () => {
      const call = make(createManualClock());
      const [first, second] = [lasting(), lasting()];
      const leave = new AbortController();
      const one = call(first.work, leave.signal);
      const two = call(second.work);
      await settled();
      assert.deepEqual([first.begun, second.begun], [1, 0]);
      leave.abort(reason);
      await assert.rejects(one, (error) => error === reason);
      await settled();
      // Shared work continues for the others.
      assert.deepEqual([first.begun, second.begun], shared ? [1, 0] : [1, 1]);
      (shared ? first : second).end('mounted');
      assert.equal(await two, 'mounted');
    });

    it(`${name}: the work starts anew after the first caller has failed`, async () => {
      const call = make(createManualClock());
      const first = lasting();
      const one = call(first.work);
      const two = shared ? undefined : call(async () => 'mounted');
      await settled();
      first.end(reason);
      await assert.rejects(one, (error) => error === reason);
      assert.equal(await (two ?? call(async () => 'mounted')), 'mounted');
    });

    it(`${name}: the next caller ${silence} when the first one is silent for ever`, async () => {
      const clock = createManualClock();
      const call = make(clock);
      const one = call(never);
      one.catch(() => undefined);
      const two = call(async () => 'mounted');
      const outcome = two.then(
        (text) => text,
        (error: { readonly code?: string }) => error.code,
      );
      await settled();
      await clock.advance(31 * 60_000);
      assert.equal(await outcome, silence === 'goes ahead' ? 'mounted' : 'TIMED_OUT');
      assert.equal(clock.set(), 0);
      // Work that was given up blocks no later work.
      if (shared) assert.equal(await call(async () => 'existed'), 'existed');
    });
  });
}

describe('endless-waits: a holder that gets on', () => {
  const patience = 1000;

  it('a holder that makes progress is waited for as long as it takes', async () => {
    const clock = createManualClock();
    const turns = createMutex(strictMutex('the thing', { clock, patience }));
    const first = lasting();
    let moved: (() => void) | undefined;
    const one = turns((tell) => {
      moved = tell;
      return first.work();
    });
    const two = turns(async () => 'second');
    for (let at = 0; at < 20; at++) {
      await settled();
      moved?.();
      await clock.advance(patience / 2);
    }
    first.end('uploaded');
    assert.deepEqual(await Promise.all([one, two]), ['uploaded', 'second']);
  });

  it('each silence of a holder lets one more caller in beside it', async () => {
    const clock = createManualClock();
    const semaphore = createSemaphore(1, { clock, patience });
    let inside = 0;
    for (let at = 0; at < 4; at++) void semaphore.acquire(1).then(() => inside++);
    await settled();
    assert.equal(inside, 1);
    await clock.advance(patience);
    assert.equal(inside, 2);
    await clock.advance(2 * patience);
    assert.ok(inside > 2);
  });
});
