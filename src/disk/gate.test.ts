import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { createGate } from './gate.ts';

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

describe('a gate', () => {
  it('lets some in together, one alone after them, and those behind it after that', async () => {
    const log: string[] = [];
    const gate = createGate();
    const [a, b, alone, c] = ['a', 'b', 'alone', 'c'].map((name) => task(log, name));
    assert.ok(a && b && alone && c);
    const all = [gate.shared(a.run), gate.shared(b.run), gate.alone(alone.run), gate.shared(c.run)];
    for (const { end } of [c, alone, b, a]) end();
    assert.deepEqual(await Promise.all(all), ['a', 'b', 'alone', 'c']);
    assert.deepEqual(log.slice(0, 2), ['a begins', 'b begins']);
    assert.deepEqual(log.slice(4), ['alone begins', 'alone ends', 'c begins', 'c ends']);
  });

  it('opens again after a failure', async () => {
    const gate = createGate();
    await assert.rejects(gate.shared(fails));
    await assert.rejects(gate.alone(fails));
    assert.equal(await gate.shared(async () => 1), 1);
    assert.equal(await gate.alone(async () => 2), 2);
  });
});
