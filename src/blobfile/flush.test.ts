import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSyncs } from './flush.ts';

const step = 16 * 1024 * 1024;

interface Sync {
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** A file on a disk that is as slow as the test says. */
function slowFile(syncs: Sync[]): { datasync(): Promise<void> } {
  return {
    datasync: () => new Promise<void>((done, fail) => void syncs.push({ done, fail })),
  };
}

describe('bringing a file to the disk while it is written', () => {
  it('a sync begins after many written bytes, and the next one only after its end', async () => {
    const syncs: Sync[] = [];
    const flusher = createSyncs().flusher(slowFile(syncs));
    flusher.wrote(step - 1);
    assert.equal(syncs.length, 0);
    flusher.wrote(1);
    flusher.wrote(step);
    assert.equal(syncs.length, 1);
    syncs[0]?.done();
    await flusher.ended();
    flusher.wrote(1);
    assert.equal(syncs.length, 2);
    syncs[1]?.done();
    await flusher.ended();
  });

  it('syncs of many files leave most of the threads to others', async () => {
    const syncs: Sync[] = [];
    const shared = createSyncs();
    const flushers = Array.from({ length: 9 }, () => shared.flusher(slowFile(syncs)));
    for (const flusher of flushers) flusher.wrote(step);
    assert.equal(syncs.length, 2);
    for (const { done } of syncs) done();
    await Promise.all(flushers.map((flusher) => flusher.ended()));
  });

  it('an error of a sync is thrown at the end, also after later syncs succeeded', async () => {
    const syncs: Sync[] = [];
    const flusher = createSyncs().flusher(slowFile(syncs));
    const refusal = new Error('it is lost');
    flusher.wrote(step);
    syncs[0]?.fail(refusal);
    await assert.rejects(flusher.ended(), refusal);
    flusher.wrote(step);
    syncs[1]?.done();
    await assert.rejects(flusher.ended(), refusal);
  });
});
