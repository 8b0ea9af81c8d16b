import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { digestOf } from '../../flow/hash.ts';
import type { WriteOutcome } from '../../store/contract.ts';
import { unheldClock } from '../../time/clock.ts';
import { createRecentWrites, type RecentWrites } from './recent-writes.ts';

const digest = digestOf(new TextEncoder().encode('blob'));
const uploaded = async (): Promise<WriteOutcome> => 'uploaded';

/** A write that takes until it is told to end. */
function slow(fails = false) {
  const gate = new EventTarget();
  const ended = once(gate, 'end');
  let begun = 0;
  const write = async (): Promise<WriteOutcome> => {
    begun++;
    await ended;
    if (fails) throw new Error('mine');
    return 'uploaded';
  };
  return { write, begun: () => begun, end: () => gate.dispatchEvent(new Event('end')) };
}

const rows: readonly {
  readonly name: string;
  readonly after?: number;
  readonly forget?: (recent: RecentWrites) => void;
  readonly outcome: WriteOutcome;
}[] = [
  { name: 'is believed to be there for a minute', after: 59_999, outcome: 'existed' },
  { name: 'is asked for again after a minute', after: 60_000, outcome: 'uploaded' },
  {
    name: 'is asked for again when it was deleted',
    forget: (recent) => recent.forget('a', digest),
    outcome: 'uploaded',
  },
  {
    name: 'is asked for again when a manifest misses one there',
    forget: (recent) => recent.forget('a'),
    outcome: 'uploaded',
  },
  {
    name: 'is believed to be there when a manifest misses one elsewhere',
    forget: (recent) => recent.forget('b'),
    outcome: 'existed',
  },
];

describe('a blob that several images name', () => {
  it('is written once to each repository', async () => {
    const recent = createRecentWrites();
    const first = slow();
    const both = [first, slow()].map(({ write }) => recent.write('a', digest, write));
    assert.equal(await recent.write('b', digest, uploaded), 'uploaded');
    first.end();
    assert.deepEqual(await Promise.all(both), ['uploaded', 'existed']);
  });

  it('is written by the next when the first fails', async () => {
    const recent = createRecentWrites();
    const first = slow(true);
    const [one, two] = [first.write, uploaded].map((write) => recent.write('a', digest, write));
    first.end();
    await assert.rejects(one ?? Promise.resolve(), { message: 'mine' });
    assert.equal(await two, 'uploaded');
  });

  it('is given up by who waits for it without harm to who writes it', async () => {
    const recent = createRecentWrites();
    const first = slow();
    const end = new AbortController();
    const one = recent.write('a', digest, first.write);
    const two = recent.write('a', digest, uploaded, { signal: end.signal });
    end.abort('enough');
    await assert.rejects(two, (error) => error === 'enough');
    first.end();
    assert.equal(await one, 'uploaded');
  });

  for (const { name, after = 0, forget, outcome } of rows) {
    it(name, async () => {
      let now = 1000;
      const recent = createRecentWrites({ ...unheldClock, now: () => now });
      await recent.write('a', digest, uploaded);
      now += after;
      forget?.(recent);
      assert.equal(await recent.write('a', digest, uploaded), outcome);
    });
  }
});
