import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createRwLock } from './rw-lock.ts';

/** A task that says when it begins, and ends when it is let go. */
function task(log: string[], name: string): { run: () => Promise<string>; end: () => void } {
  const stop = new AbortController();
  const ended = once(stop.signal, 'abort');
  return {
    async run() {
      log.push(`${name} begins`);
      await ended;
      log.push(`${name} ends`);
      return name;
    },
    end: () => stop.abort(),
  };
}

async function fails(): Promise<never> {
  throw new Error('no');
}

describe('a lock that some may share', () => {
  it('shared tasks run together, an exclusive one after them, and the next ones after that', async () => {
    const log: string[] = [];
    const lock = createRwLock();
    const [a, b, alone, c] = ['a', 'b', 'alone', 'c'].map((name) => task(log, name));
    assert.ok(a && b && alone && c);
    const all = [lock.shared(a.run), lock.shared(b.run), lock.exclusive(alone.run), lock.shared(c.run)];
    for (const { end } of [c, alone, b, a]) end();
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'alone', 'c']);
    assert.deepEqual(log.slice(0, 2), ['a begins', 'b begins']);
    assert.deepEqual(log.slice(4), ['alone begins', 'alone ends', 'c begins', 'c ends']);
  });

  it('a lock is free again after a failed task', async () => {
    const lock = createRwLock();
    await assert.rejects(lock.shared(fails));
    await assert.rejects(lock.exclusive(fails));
    assert.equal(await lock.shared(async () => 1), 1);
    assert.equal(await lock.exclusive(async () => 2), 2);
  });
});
