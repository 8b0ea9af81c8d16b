import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unlessAborted } from '../flow/abort.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import { answer } from '../wire/reply.ts';
import { type Attempt, wholeAnswer } from './whole-answer.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A body whose second byte comes when `goOn` has settled. */
async function* halted(goOn: Promise<void>, signal: AbortSignal): AsyncIterable<Uint8Array> {
  yield Uint8Array.of(1);
  await unlessAborted(goOn, signal);
  yield Uint8Array.of(2);
}

interface Step {
  readonly goOn: Promise<void>;
  readonly value: string;
}

/** An attempt for each step, which reads its body and returns its value. Counts those that were given up. */
function script(...steps: readonly Step[]) {
  const counts = { begun: 0, ended: 0 };
  const attempt = async ({ signal, watch }: Attempt): Promise<string> => {
    const { goOn, value } = steps[counts.begun++] ?? assert.fail('one more attempt');
    signal.addEventListener('abort', () => counts.ended++);
    const { body } = watch({ ...answer(200), body: halted(goOn, signal) });
    for await (const _ of body);
    return value;
  };
  return { attempt, counts };
}

const never = new Promise<void>(() => undefined);

function settledLater() {
  const later = { resolve: (): void => undefined, reject: (error: Error): void => assert.fail(error) };
  const promise = new Promise<void>((resolve, reject) => Object.assign(later, { resolve, reject }));
  return Object.assign(later, { promise });
}

describe('silent-small-body: wholeAnswer', () => {
  it('wholeAnswer begins no second attempt for a body that does not stand still', async () => {
    const clock = createManualClock();
    const { attempt, counts } = script({ goOn: Promise.resolve(), value: 'first' });
    assert.equal(await wholeAnswer(attempt, { clock }), 'first');
    assert.deepEqual([counts, clock.set()], [{ begun: 1, ended: 0 }, 0]);
  });

  it('wholeAnswer takes the second answer after 10 s of silence, and ends the first attempt', async () => {
    const clock = createManualClock();
    const { attempt, counts } = script(
      { goOn: never, value: 'first' },
      { goOn: Promise.resolve(), value: 'second' },
    );
    const whole = wholeAnswer(attempt, { clock });
    await turn();
    assert.equal(await clock.waiting(), 10_000);
    await clock.advance(10_000);
    assert.equal(await whole, 'second');
    await turn();
    assert.deepEqual([counts, clock.set()], [{ begun: 2, ended: 1 }, 0]);
  });

  it('wholeAnswer takes the first answer if that is only slow', async () => {
    const clock = createManualClock();
    const slow = settledLater();
    const { attempt, counts } = script(
      { goOn: slow.promise, value: 'first' },
      { goOn: never, value: 'second' },
    );
    const whole = wholeAnswer(attempt, { clock });
    await turn();
    await clock.advance(60_000);
    slow.resolve();
    assert.equal(await whole, 'first');
    await turn();
    assert.deepEqual([counts, clock.set()], [{ begun: 2, ended: 1 }, 0]);
  });

  it('wholeAnswer waits for the other attempt when one fails, and rejects with the earlier error when both do', async () => {
    const clock = createManualClock();
    const failed = Promise.reject(new Error('second'));
    failed.catch(() => undefined);
    const first = settledLater();
    const { attempt } = script({ goOn: first.promise, value: 'first' }, { goOn: failed, value: 'second' });
    const whole = wholeAnswer(attempt, { clock });
    await turn();
    await clock.advance(10_000);
    await turn();
    first.reject(new Error('first'));
    await assert.rejects(whole, /second/);
    assert.equal(clock.set(), 0);
  });

  it('wholeAnswer ends both attempts when the signal aborts', async () => {
    const clock = createManualClock();
    const abort = new AbortController();
    const { attempt, counts } = script({ goOn: never, value: 'first' }, { goOn: never, value: 'second' });
    const whole = wholeAnswer(attempt, { clock, signal: abort.signal });
    await turn();
    await clock.advance(10_000);
    await turn();
    abort.abort(new Error('enough'));
    await assert.rejects(whole, /enough/);
    await turn();
    assert.deepEqual([counts, clock.set()], [{ begun: 2, ended: 2 }, 0]);
  });
});
