import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { digestOf } from '../../flow/hash.ts';
import type { WriteOutcome } from '../../store/contract.ts';
import { unheldClock } from '../../time/clock.ts';
import { createRecentWrites, type RecentWrites } from './recent-writes.ts';

const digest = digestOf(new TextEncoder().encode('blob'));
const uploaded = async (): Promise<WriteOutcome> => 'uploaded';

/** A write that ends when the test says so. */
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
  { name: 'a written blob counts as existing for a minute', after: 59_999, outcome: 'existed' },
  { name: 'a written blob is written again after a minute', after: 60_000, outcome: 'uploaded' },
  {
    name: 'a written blob is written again after its deletion',
    forget: (recent) => recent.forget('a', digest),
    outcome: 'uploaded',
  },
  {
    name: 'a written blob is written again after a manifest lacked a blob in its repository',
    forget: (recent) => recent.forget('a'),
    outcome: 'uploaded',
  },
  {
    name: 'a written blob counts as existing after a manifest lacked a blob in another repository',
    forget: (recent) => recent.forget('b'),
    outcome: 'existed',
  },
];

describe('a blob that several images name', () => {
  it('a blob is written once to each repository', async () => {
    const recent = createRecentWrites();
    const first = slow();
    const both = [first, slow()].map(({ write }) => recent.write('a', digest, write));
    assert.equal(await recent.write('b', digest, uploaded), 'uploaded');
    first.end();
    assert.deepEqual(await Promise.all(both), ['uploaded', 'existed']);
  });

  it('the second caller writes the blob when the first one fails', async () => {
    const recent = createRecentWrites();
    const first = slow(true);
    const [one, two] = [first.write, uploaded].map((write) => recent.write('a', digest, write));
    first.end();
    await assert.rejects(one ?? Promise.resolve(), { message: 'mine' });
    assert.equal(await two, 'uploaded');
  });

  it('an aborted wait for a blob does not disturb its write', async () => {
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
