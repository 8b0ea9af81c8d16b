import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createManualClock } from '../time/clock.test.support.ts';
import { createSemaphore, type Permit } from './semaphore.ts';

const reason = new Error('enough');
/** Lets all promises settle that can. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Step =
  | { readonly kind: 'acquire'; readonly weight: number }
  | { readonly kind: 'release' | 'abort'; readonly at: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('acquire' as const), weight: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constantFrom('release' as const, 'abort' as const), at: fc.nat(20) }),
  ),
  { maxLength: 40 },
);

interface Caller {
  readonly weight: number;
  readonly abort: AbortController;
  state: 'waiting' | 'holding' | 'left' | 'done';
  expected: 'waiting' | 'holding' | 'left' | 'done';
  permit?: Permit;
}

/** The rule in its simplest form: the first waiting callers enter as long as they fit. */
function letInFirst(callers: readonly Caller[], room: number): void {
  for (const caller of callers) {
    if (caller.expected !== 'waiting') continue;
    const taken = callers.reduce((sum, one) => sum + (one.expected === 'holding' ? one.weight : 0), 0);
    if (taken + caller.weight > room) return;
    caller.expected = 'holding';
  }
}

async function compareWithRule(room: number, plan: readonly Step[]): Promise<void> {
  const semaphore = createSemaphore(room, { clock: createManualClock() });
  const callers: Caller[] = [];
  for (const step of plan) {
    if (step.kind === 'acquire') {
      const weight = Math.min(step.weight, room);
      const caller: Caller = { weight, abort: new AbortController(), state: 'waiting', expected: 'waiting' };
      callers.push(caller);
      semaphore.acquire(weight, { signal: caller.abort.signal }).then(
        (permit) => Object.assign(caller, { permit, state: 'holding' }),
        (error) => Object.assign(caller, { state: error === reason ? 'left' : 'waiting' }),
      );
    } else {
      const caller = callers[step.at % Math.max(1, callers.length)];
      if (caller === undefined) continue;
      if (step.kind === 'abort') {
        caller.abort.abort(reason);
        // A holder keeps its place: only a wait ends with the signal.
        if (caller.expected === 'waiting') caller.expected = 'left';
      } else if (caller.permit !== undefined) {
        caller.permit.release();
        Object.assign(caller, { state: 'done', expected: 'done' });
      }
    }
    letInFirst(callers, room);
    await settled();
    assert.deepEqual(
      callers.map(({ state }) => state),
      callers.map(({ expected }) => expected),
    );
  }
}

describe('a semaphore', () => {
  it('Callers enter a semaphore in their order as soon as they fit, for any order of releases and aborts.', () =>
    fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 5 }), steps, compareWithRule), { numRuns: 200 }));

  it('A permit that is released twice gives its room back once.', async () => {
    const semaphore = createSemaphore(1);
    const first = await semaphore.acquire(1);
    first.release();
    first.release();
    await semaphore.acquire(1);
    const abort = new AbortController();
    const third = assert.rejects(semaphore.acquire(1, { signal: abort.signal }), reason);
    await settled();
    abort.abort(reason);
    await third;
  });

  it('A signal that has aborted before takes no room of a semaphore.', async () => {
    const semaphore = createSemaphore(1);
    await assert.rejects(semaphore.acquire(1, { signal: AbortSignal.abort(reason) }), reason);
    const permit = await semaphore.acquire(1);
    permit.release();
  });

  it('A large caller that leaves lets the smaller ones behind it enter.', async () => {
    const semaphore = createSemaphore(2, { clock: createManualClock() });
    await semaphore.acquire(1);
    const abort = new AbortController();
    const large = assert.rejects(semaphore.acquire(2, { signal: abort.signal }), reason);
    const small = semaphore.acquire(1);
    abort.abort(reason);
    await large;
    (await small).release();
  });
});

describe('a wait behind a silent holder', () => {
  it('A caller enters beside a holder that stays silent for the whole patience.', async () => {
    const clock = createManualClock();
    const semaphore = createSemaphore(1, { patience: 100, clock });
    await semaphore.acquire(1);
    let isIn = false;
    const second = semaphore.acquire(1).then(() => {
      isIn = true;
    });
    await clock.waiting();
    await clock.advance(99);
    assert.equal(isIn, false);
    await clock.advance(1);
    await second;
    assert.deepEqual([isIn, clock.set()], [true, 0]);
  });

  it('A caller waits as long as the holder reports progress, and fails with the given error after its last report.', async () => {
    const clock = createManualClock();
    const semaphore = createSemaphore(1, { patience: 100, clock, tooLate: () => reason });
    const holder = await semaphore.acquire(1);
    let end: unknown;
    semaphore.acquire(1).catch((error) => {
      end = error;
    });
    await clock.waiting();
    for (let time = 0; time < 500; time += 50) {
      holder.moved();
      await clock.advance(50);
    }
    await settled();
    assert.equal(end, undefined);
    await clock.advance(200);
    await settled();
    assert.equal(end, reason);
    assert.equal(clock.set(), 0);
  });

  it('Endless patience sets no timer, and an entered caller leaves none behind.', async () => {
    const clock = createManualClock();
    const endless = createSemaphore(1, { patience: Number.POSITIVE_INFINITY, clock });
    const holder = await endless.acquire(1);
    const waiting = endless.acquire(1);
    await settled();
    assert.equal(clock.set(), 0);
    holder.release();
    (await waiting).release();
    const patient = createSemaphore(1, { patience: 100, clock });
    const first = await patient.acquire(1);
    const second = patient.acquire(1);
    await clock.waiting();
    first.release();
    await second;
    assert.equal(clock.set(), 0);
  });
});
