import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { createPool } from './pool.ts';

/** A task that runs until the test ends it, and notes its start. */
function task(name: string, begun: string[]) {
  const over = new EventTarget();
  const ended = new Promise<string>((resolve) => {
    over.addEventListener('over', () => resolve(name));
  });
  const run = (): Promise<string> => {
    begun.push(name);
    return ended;
  };
  return { run, end: () => over.dispatchEvent(new Event('over')) };
}

/** Waits until all ready tasks have continued. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('createPool', () => {
  it('a pool runs as many tasks at once as it has places, and the others in the order of the calls', async () => {
    const pool = createPool(2);
    const begun: string[] = [];
    const tasks = ['a', 'b', 'c', 'd'].map((name) => task(name, begun));
    const running = tasks.map(({ run }) => pool.run(run));
    await settled();
    assert.deepEqual(begun, ['a', 'b']);
    tasks[1]?.end();
    await settled();
    assert.deepEqual(begun, ['a', 'b', 'c']);
    for (const { end } of tasks) end();
    assert.deepEqual(await Promise.all(running), ['a', 'b', 'c', 'd']);
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
  });

  it('a pool gives a free place to the waiting tasks before a task that arrives at that moment', async () => {
    const pool = createPool(1);
    const begun: string[] = [];
    const [first, second, late] = [task('first', begun), task('second', begun), task('late', begun)];
    const one = pool.run(first.run);
    const two = pool.run(second.run);
    const three = one.then(() => pool.run(late.run));
    await settled();
    first.end();
    await settled();
    assert.deepEqual(begun, ['first', 'second']);
    second.end();
    late.end();
    await Promise.all([two, three]);
    assert.deepEqual(begun, ['first', 'second', 'late']);
  });

  it('a pool gives the place of a task that failed to the next', async () => {
    const pool = createPool(1);
    const failure = new Error('mine');
    const failed = pool.run(async () => {
      throw failure;
    });
    const next = pool.run(async () => 'next');
    await assert.rejects(failed, (error) => error === failure);
    assert.equal(await next, 'next');
  });

  it('a pool never starts a task that was aborted while it waited, and rejects with the reason of the signal', async () => {
    const pool = createPool(1);
    const begun: string[] = [];
    const [first, gone, last] = [task('first', begun), task('gone', begun), task('last', begun)];
    const end = new AbortController();
    const reason = { why: 'enough' };
    const one = pool.run(first.run);
    const two = pool.run(gone.run, { signal: end.signal });
    const three = pool.run(last.run);
    end.abort(reason);
    await assert.rejects(two, (error) => error === reason);
    first.end();
    last.end();
    assert.deepEqual(await Promise.all([one, three]), ['first', 'last']);
    assert.deepEqual(begun, ['first', 'last']);
  });

  it('a pool keeps the place of an aborted task until the task itself has ended', async () => {
    const pool = createPool(1);
    const begun: string[] = [];
    const [first, second] = [task('first', begun), task('second', begun)];
    const end = new AbortController();
    const one = pool.run(first.run, { signal: end.signal });
    const two = pool.run(second.run);
    await settled();
    end.abort();
    await settled();
    assert.deepEqual(begun, ['first']);
    first.end();
    second.end();
    assert.deepEqual(await Promise.all([one, two]), ['first', 'second']);
  });

  it('a pool refuses an aborted signal without taking a place', async () => {
    const pool = createPool(1);
    await assert.rejects(
      pool.run(async () => 'never', { signal: AbortSignal.abort('no') }),
      (error) => error === 'no',
    );
    assert.equal(await pool.run(async () => 'free'), 'free');
  });

  it('a pool without a number of places runs few large tasks or many small ones', async () => {
    for (const { size, most } of [
      { size: 64 * 1024, most: 128 },
      { size: 1024 * 1024, most: 64 },
      { size: 1024 ** 3, most: 8 },
      { size: undefined, most: 8 },
    ]) {
      const pool = createPool();
      const begun: string[] = [];
      const tasks = Array.from({ length: 200 }, () => task('a', begun));
      const all = tasks.map(({ run }) => pool.run(run, size === undefined ? {} : { size }));
      await settled();
      assert.equal(begun.length, most);
      for (const { end } of tasks) end();
      await Promise.all(all);
    }
  });

  it('a pool lets no small task pass a waiting large one', async () => {
    const pool = createPool();
    const begun: string[] = [];
    const large = Array.from({ length: 9 }, (_, at) => task(`large ${at}`, begun));
    const small = task('small', begun);
    const all = [...large, small].map(({ run }) => pool.run(run, run === small.run ? { size: 1 } : {}));
    await settled();
    assert.equal(begun.length, 8);
    large[0]?.end();
    await settled();
    assert.deepEqual(begun.slice(8), ['large 8']);
    for (const { end } of [...large, small]) end();
    await Promise.all(all);
  });

  it('any number of tasks may wait on one signal without a warning from Node', async (test) => {
    const warnings: Error[] = [];
    const note = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', note);
    atEnd(test, () => process.off('warning', note));
    const pool = createPool(1);
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 40 }, () => pool.run(settled, { signal }));
    await Promise.all(waiting);
    assert.deepEqual(warnings, []);
  });
});
