import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createMutex } from './mutex.ts';

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
  const fault = new Error('no');
  const failed = turns(async () => {
    throw fault;
  });
  const next = turns(async () => 'done');
  await assert.rejects(failed, (error) => error === fault);
  assert.equal(await next, 'done');
});
