import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, emptyConfig, giveImage, indexOf, noise } from '../testing/contract/sample.ts';
import { type CopyOptions, copyImage } from './copy.ts';
import type { CopyEvent } from './events.ts';
import { createLedger } from './ledger.ts';
import { BlobAccount, createTally } from './progress.ts';
import { place } from './stage.test.support.ts';

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

async function eventsOf(from: Repository, to: Repository, options: CopyOptions = {}) {
  const events: CopyEvent[] = [];
  await copyImage(from, 'v1', to, { ...options, onEvent: (event) => events.push(event) });
  const progress = events.flatMap((event) => (event.kind === 'progress' ? [event] : []));
  const blobs = events.flatMap((event) => (event.kind === 'blob' ? [event.descriptor.digest] : []));
  let last = 0;
  for (const { complete, total } of progress) {
    assert.ok(complete >= last && complete <= total, `${complete} of ${total} after ${last}`);
    last = complete;
  }
  return { blobs, progress, last: progress.at(-1) };
}

async function giveLarge(repository: Repository): Promise<number> {
  const layers = [blobOf(noise(300_000)), blobOf('small')];
  const one = await giveImage(repository, { layers });
  const two = await giveImage(repository, { layers: [...layers, blobOf('other')] });
  await repository.manifests.put(indexOf([one.descriptor, two.descriptor]), { tags: ['v1'] });
  return emptyConfig.descriptor.size + 300_000 + 'small'.length + 'other'.length;
}

describe('the progress of copyImage', () => {
  it('the progress counts each digest once, never decreases and ends at the total', async () => {
    const from = place();
    const total = await giveLarge(from);
    const { blobs, last } = await eventsOf(from, place());
    assert.deepEqual(last, { kind: 'progress', moved: total, complete: total, sent: total, total });
    assert.equal(blobs.length, 4);
    assert.equal(new Set(blobs).size, 4);
  });

  it('the progress counts existing and mounted blobs as complete and not as sent', async () => {
    const registry = createMemoryRegistry();
    const from = registry.repository('a');
    const total = await giveLarge(from);
    const { last } = await eventsOf(from, registry.repository('b'), { mountFrom: 'a' });
    assert.deepEqual(last, { kind: 'progress', moved: total, complete: total, sent: 0, total });
  });

  it('the progress ends at the total also when an existing manifest makes its blobs unneeded', async () => {
    const [from, to] = [place(), place()];
    await giveLarge(from);
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    const { last } = await eventsOf(from, to, { tags: ['v1'] });
    assert.equal(last?.complete, last?.total);
    assert.equal(last?.sent ?? 0, 0);
  });
});
