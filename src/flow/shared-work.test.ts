import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shareWork } from './shared-work.ts';

const reason = new Error('enough');

/** Work that continues until the test ends it. */
function lasting(): {
  readonly work: (signal: AbortSignal) => Promise<string>;
  readonly end: () => void;
  readonly signals: readonly AbortSignal[];
} {
  const signals: AbortSignal[] = [];
  const ended = new EventTarget();
  return {
    signals,
    end: () => ended.dispatchEvent(new Event('end')),
    work: (signal) => {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        ended.addEventListener('end', () => resolve('done'), { once: true });
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
    },
  };
}

describe('shareWork', () => {
  it('shared work is done once for all waiting callers', async () => {
    const { work, end, signals } = lasting();
    const shared = shareWork(work);
    const all = [shared.wait(), shared.wait()];
    end();
    assert.deepEqual(await Promise.all(all), ['done', 'done']);
    assert.equal(await shared.wait(), 'done');
    assert.deepEqual([signals.length, shared.isAbandoned()], [1, false]);
  });

  it('shared work continues as long as one caller waits for it', async () => {
    const { work, end } = lasting();
    const shared = shareWork(work);
    const abort = new AbortController();
    const impatient = assert.rejects(shared.wait(abort.signal), reason);
    const patient = shared.wait();
    abort.abort(reason);
    await impatient;
    end();
    assert.deepEqual([await patient, shared.isAbandoned()], ['done', false]);
  });

  it('shared work is aborted when the last caller leaves', async () => {
    const { work, signals } = lasting();
    const shared = shareWork(work);
    const abort = new AbortController();
    const all = [shared.wait(abort.signal), shared.wait(abort.signal)].map((one) =>
      assert.rejects(one, reason),
    );
    abort.abort(reason);
    await Promise.all(all);
    assert.deepEqual([shared.isAbandoned(), signals[0]?.aborted], [true, true]);
  });

  it('cache-stuck-by-101: shared work that never ends times out for all waiting callers, and the next caller starts it anew', async () => {
    const deaf: AbortSignal[] = [];
    const shared = shareWork(
      (signal) => {
        deaf.push(signal);
        return new Promise<never>(() => undefined);
      },
      { limit: 1 },
    );
    const all = [shared.wait(), shared.wait()];
    for (const one of all) await assert.rejects(one, { code: 'TIMED_OUT' });
    assert.deepEqual([shared.isAbandoned(), deaf[0]?.aborted], [true, true]);
  });

  it('shared work that fails does so for all callers', async () => {
    const shared = shareWork(() => Promise.reject(reason));
    await assert.rejects(shared.wait(), reason);
    await assert.rejects(shared.wait(), reason);
    assert.equal(shared.isAbandoned(), false);
  });
});
