import assert from 'node:assert/strict';
import { it } from 'node:test';
import * as fc from 'fast-check';
import { createManualClock } from '../time/clock.test.support.ts';
import { createKeyedMutex, createMutex, strictMutex } from './mutex.ts';

const fault = new Error('no');

it('a mutex runs tasks one at a time, in the order of the calls', async () => {
  const turns = createMutex();
  const seen: string[] = [];
  const task = (name: string) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
  };
  await Promise.all([turns(task('a')), turns(task('b'))]);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends']);
});

it('a failing task of a mutex fails only its own caller', async () => {
  const turns = createMutex();
  const failed = turns(async () => {
    throw fault;
  });
  const next = turns(async () => 'done');
  await assert.rejects(failed, (error) => error === fault);
  assert.equal(await next, 'done');
});

interface Call {
  readonly key: string;
  readonly leaves: boolean;
}

async function checkTurns(scheduler: fc.Scheduler, plan: readonly Call[]): Promise<void> {
  const turns = createKeyedMutex();
  const busy = new Set<string>();
  const began: Record<string, number[]> = { a: [], b: [], c: [] };
  const all = plan.map(({ key, leaves }, at) => {
    const abort = new AbortController();
    const task = async (): Promise<void> => {
      assert.ok(!busy.has(key), `two tasks of ${key}`);
      busy.add(key);
      began[key]?.push(at);
      await scheduler.schedule(Promise.resolve());
      busy.delete(key);
    };
    const done = turns(key, task, { signal: abort.signal });
    if (leaves) void scheduler.schedule(Promise.resolve()).then(() => abort.abort(fault));
    return done.then(
      () => true,
      (error) => {
        assert.equal(error, fault);
        assert.ok(leaves && !began[key]?.includes(at), 'only a waiting caller leaves');
        return false;
      },
    );
  });
  const ran = await scheduler.waitFor(Promise.all(all));
  for (const key of ['a', 'b', 'c']) {
    const expected = plan.flatMap((call, at) => (call.key === key && ran[at] ? [at] : []));
    assert.deepEqual(began[key], expected);
  }
}

it('tasks of one key never overlap in a keyed mutex, and run in their order, for any interleaving and aborts', async () => {
  const calls = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), leaves: fc.boolean() }), {
    maxLength: 20,
  });
  await fc.assert(fc.asyncProperty(fc.scheduler(), calls, checkTurns));
});

it('a key of a mutex waits for no other key', async () => {
  const turns = createKeyedMutex();
  const blocked = turns('a', () => new Promise<never>(() => undefined));
  assert.equal(await turns('b', async () => 'done'), 'done');
  void blocked;
});

it('a caller behind a silent task of a strict mutex fails with TIMED_OUT, which names the thing', async () => {
  const clock = createManualClock();
  const turns = createMutex(strictMutex('layout x', { patience: 2000, clock }));
  void turns(() => new Promise<never>(() => undefined));
  const late = assert.rejects(
    turns(async () => 'never'),
    { code: 'TIMED_OUT', message: /^layout x is in use .* 2 s/ },
  );
  await clock.waiting();
  await clock.advance(4000);
  await late;
});

it('a caller behind a silent task of a plain mutex runs beside it', async () => {
  const clock = createManualClock();
  const turns = createMutex({ patience: 2000, clock });
  void turns(() => new Promise<never>(() => undefined));
  const late = turns(async () => 'beside');
  await clock.waiting();
  await clock.advance(4000);
  assert.equal(await late, 'beside');
});
