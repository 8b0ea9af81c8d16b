import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { share } from './share.ts';

const reason = new Error('enough');

/** Work that goes on until it is told to end. */
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

describe('work that is shared', () => {
  it('is done once, for all that wait', async () => {
    const { work, end, signals } = lasting();
    const shared = share(work);
    const all = [shared.wait(), shared.wait()];
    end();
    assert.deepEqual(await Promise.all(all), ['done', 'done']);
    assert.equal(await shared.wait(), 'done');
    assert.deepEqual([signals.length, shared.isAbandoned()], [1, false]);
  });

  it('goes on as long as one waits for it', async () => {
    const { work, end } = lasting();
    const shared = share(work);
    const abort = new AbortController();
    const impatient = assert.rejects(shared.wait(abort.signal), reason);
    const patient = shared.wait();
    abort.abort(reason);
    await impatient;
    end();
    assert.deepEqual([await patient, shared.isAbandoned()], ['done', false]);
  });

  it('is ended when nobody does', async () => {
    const { work, signals } = lasting();
    const shared = share(work);
    const abort = new AbortController();
    const all = [shared.wait(abort.signal), shared.wait(abort.signal)].map((one) =>
      assert.rejects(one, reason),
    );
    abort.abort(reason);
    await Promise.all(all);
    assert.deepEqual([shared.isAbandoned(), signals[0]?.aborted], [true, true]);
  });

  it('cache-stuck-by-101: that never ends has an end for all who wait, and is begun anew by the next', async () => {
    const deaf: AbortSignal[] = [];
    const shared = share(
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

  it('that fails fails for all', async () => {
    const shared = share(() => Promise.reject(reason));
    await assert.rejects(shared.wait(), reason);
    await assert.rejects(shared.wait(), reason);
    assert.equal(shared.isAbandoned(), false);
  });
});
