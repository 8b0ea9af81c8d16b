import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blobOf, noise } from '../testing/contract/sample.ts';
import type { CopyEvent } from './events.ts';
import { createLedger } from './ledger.ts';
import { BlobAccount, createTally } from './progress.ts';

describe('createTally', () => {
  const { descriptor } = blobOf(noise(100));

  it('the tally counts repeated bytes as sent and confirmed bytes once', () => {
    const seen: (readonly number[])[] = [];
    const ledger = createLedger((event) => {
      if (event.kind === 'progress') seen.push([event.moved, event.complete, event.sent, event.total]);
    });
    const tally = createTally(ledger);
    const blob = tally.begin(descriptor);
    blob.onProgress({ sent: 60, acknowledged: 0, moved: 60 });
    blob.onProgress({ sent: 60, acknowledged: 40, moved: 60 });
    // The connection breaks, and the session reports 40 bytes.
    blob.onProgress({ sent: 50, acknowledged: 40, moved: 60 });
    blob.onProgress({ sent: 100, acknowledged: 40, moved: 100 });
    // An attempt from the start: the place has confirmed less than before.
    blob.onProgress({ sent: 10, acknowledged: 0, moved: 10 });
    blob.settle('uploaded');
    assert.deepEqual(seen, [
      [0, 0, 0, 100],
      [60, 0, 60, 100],
      [60, 40, 60, 100],
      [60, 40, 110, 100],
      [100, 40, 160, 100],
      [100, 40, 170, 100],
      [100, 100, 170, 100],
    ]);
  });

  it('the tally reports the outcome of a blob before the new sum', () => {
    const events: CopyEvent[] = [];
    const ledger = createLedger((event) => events.push(event));
    const tally = createTally(ledger);
    tally.begin(descriptor).settle('mounted');
    tally.finish();
    ledger.end();
    assert.deepEqual(events, [
      { kind: 'progress', moved: 0, complete: 0, sent: 0, total: 100 },
      { kind: 'blob', descriptor, outcome: 'mounted' },
      { kind: 'progress', moved: 100, complete: 100, sent: 0, total: 100 },
      { kind: 'end', moved: 100, complete: 100, sent: 0, total: 100 },
    ]);
  });

  it('the tally is complete when it is finished, even if blobs were left out', () => {
    const events: CopyEvent[] = [];
    const ledger = createLedger((event) => events.push(event));
    const tally = createTally(ledger);
    tally.begin(descriptor);
    tally.finish();
    ledger.end();
    assert.deepEqual(events.slice(-2), [
      { kind: 'progress', moved: 100, complete: 100, sent: 0, total: 100 },
      { kind: 'end', moved: 100, complete: 100, sent: 0, total: 100 },
    ]);
  });

  it('the ledger ends with the error and the figures so far', () => {
    const events: CopyEvent[] = [];
    const ledger = createLedger((event) => events.push(event));
    createTally(ledger).begin(descriptor).onProgress({ sent: 60, acknowledged: 40, moved: 60 });
    const error = new Error('broken');
    ledger.end(error);
    assert.deepEqual(events.at(-1), { kind: 'end', moved: 60, complete: 40, sent: 60, total: 100, error });
  });

  it('the ledger adds the blobs of several copies, and each kind of work once', () => {
    const events: CopyEvent[] = [];
    const ledger = createLedger((event) => events.push(event));
    const [one, two] = [createTally(ledger), createTally(ledger)];
    one.begin(descriptor).settle('uploaded');
    two.begin(descriptor).onProgress({ sent: 30, acknowledged: 0, moved: 30 });
    assert.deepEqual(events.at(-1), { kind: 'progress', moved: 130, complete: 100, sent: 30, total: 200 });
    for (const size of [10, 20]) ledger.works.of('pack').begin(size).add(5);
    assert.deepEqual(events.at(-1), { kind: 'work', work: 'pack', done: 10, total: 30 });
  });

  it('a tally counts the rest of a blob that a stream brought before', () => {
    const events: CopyEvent[] = [];
    const ledger = createLedger((event) => events.push(event));
    const account = new BlobAccount(ledger);
    account.onProgress({ sent: 90, acknowledged: 0, moved: 90 });
    assert.deepEqual(events, [{ kind: 'progress', moved: 90, complete: 0, sent: 90, total: 90 }]);
    createTally(ledger, new Map([[descriptor.digest, account]]))
      .begin(descriptor)
      .settle('existed');
    assert.deepEqual(events.at(-1), { kind: 'progress', moved: 100, complete: 100, sent: 90, total: 100 });
  });
});
