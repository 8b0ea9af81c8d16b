import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { enclosed, onAbort, unlessAborted } from './abort.ts';

const reason = new Error('enough');

describe('onAbort', () => {
  it('onAbort without a signal never calls, and its cancelling does nothing', () => {
    assert.doesNotThrow(onAbort(undefined, () => assert.fail()));
  });

  it('onAbort calls at once for a signal that has aborted', () => {
    let calls = 0;
    const cancel = onAbort(AbortSignal.abort(), () => calls++);
    cancel();
    assert.equal(calls, 1);
  });

  it('onAbort adds one listener to a signal for all its calls, and calls only those that are not cancelled', () => {
    const { signal, abort } = aborting();
    const called: number[] = [];
    const cancels = Array.from({ length: 20 }, (_, at) => onAbort(signal, () => called.push(at)));
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    cancels.forEach((cancel, at) => {
      if (at % 2 === 0) cancel();
    });
    abort();
    abort();
    assert.deepEqual(called, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  });
});

describe('enclosed', () => {
  it('the signal of enclosed work aborts when the work has returned', async () => {
    let inner: AbortSignal | undefined;
    const result = await enclosed(undefined, async (signal) => {
      inner = signal;
      assert.equal(signal.aborted, false);
      return 'done';
    });
    assert.deepEqual([result, inner?.aborted], ['done', true]);
  });

  it('the signal of enclosed work aborts when the work has failed, and the error stays its own', async () => {
    let inner: AbortSignal | undefined;
    const failed = enclosed(undefined, async (signal) => {
      inner = signal;
      throw reason;
    });
    await assert.rejects(failed, (error) => error === reason);
    assert.equal(inner?.aborted, true);
  });

  it('enclosed work is told the reason of the outer signal, also of one that aborted before', async () => {
    const { signal, abort } = aborting();
    const seen = enclosed(
      signal,
      (inner) => new Promise((resolve) => onAbort(inner, () => resolve(inner.reason))),
    );
    abort();
    assert.equal(await seen, reason);
    assert.equal(await enclosed(AbortSignal.abort(reason), async (inner) => inner.reason), reason);
  });

  it('an outer signal that aborts after the work does not reach the ended work', async () => {
    const { signal, abort } = aborting();
    const inner = await enclosed(signal, async (own) => own);
    abort();
    assert.notEqual(inner.reason, reason);
  });
});

describe('unlessAborted', () => {
  it('unlessAborted gives the result or the error of the promise', async () => {
    const { signal } = aborting();
    assert.equal(await unlessAborted(Promise.resolve(1), signal), 1);
    await assert.rejects(unlessAborted(Promise.reject(reason), signal), reason);
    assert.equal(await unlessAborted(Promise.resolve(2), undefined), 2);
  });

  it('unlessAborted rejects with the reason while the promise continues for the others', async () => {
    const { signal, abort } = aborting();
    const end = new EventTarget();
    const work = new Promise<string>((resolve) => end.addEventListener('end', () => resolve('done')));
    const impatient = unlessAborted(work, signal);
    const patient = unlessAborted(work, undefined);
    abort();
    await assert.rejects(impatient, (error) => error === reason);
    end.dispatchEvent(new Event('end'));
    assert.equal(await patient, 'done');
  });
});

function aborting(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(reason) };
}
