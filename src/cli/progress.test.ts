import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CopyEvent } from '../copy/events.ts';
import { parseDigest } from '../spec/digest.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import { createMeter } from './meter.ts';
import type { Output } from './output.ts';
import { startProgress } from './progress.ts';
import { progressText } from './progress-plain.ts';
import { barText } from './progress-tty.ts';
import type { ProgressMode } from './renderer.ts';

const MiB = 1024 * 1024;
const descriptor = {
  mediaType: 'application/octet-stream',
  digest: parseDigest(`sha256:${'a'.repeat(64)}`),
  size: MiB,
};
const moved = (done: number, total: number, sent = done, complete = done): CopyEvent => ({
  kind: 'progress',
  moved: done,
  complete,
  sent,
  total,
});

interface Shown {
  readonly notes: string[];
  readonly statuses: (string | undefined)[];
  readonly output: Output;
}

function unused(): Promise<void> {
  return Promise.reject(new Error('progress never goes to stdout'));
}

function recording(columns?: number): Shown {
  const notes: string[] = [];
  const statuses: (string | undefined)[] = [];
  const output: Output = {
    columns,
    line: unused,
    write: unused,
    note: (text) => notes.push(text),
    record: (value) => notes.push(JSON.stringify(value)),
    status: (text) => statuses.push(text),
  };
  return { notes, statuses, output };
}

describe('the meter', () => {
  it('the meter knows the recent rate and the time left', () => {
    let now = 0;
    const meter = createMeter(() => now);
    assert.equal(meter.read().left, undefined);
    for (let second = 1; second <= 30; second++) {
      now = second * 1000;
      // It slows down after twenty seconds.
      meter.note(moved(second <= 20 ? second * 2 * MiB : (20 + second) * MiB, 100 * MiB));
      meter.read();
    }
    const { rate, left, elapsed } = meter.read();
    assert.equal(rate, MiB);
    assert.equal(left, 50);
    assert.equal(elapsed, 30);
  });

  it('the meter counts repeated bytes as sent, not as done', () => {
    let now = 0;
    const meter = createMeter(() => now);
    now = 1000;
    meter.note(moved(MiB, 3 * MiB, 2 * MiB));
    assert.equal(meter.read().rate, 2 * MiB);
    assert.equal(meter.read().moved, MiB);
  });

  it('progress-stands-still: the meter says that it waits for the destination when all is sent and not yet stored', () => {
    let now = 0;
    const meter = createMeter(() => now);
    const text = (): string => progressText(meter.read());
    now = 1000;
    meter.note(moved(MiB, 3 * MiB, MiB, 0));
    assert.match(text(), /^1\.00 MiB of 3\.00 MiB \(33%\), .*left$/);
    // One blob of two has arrived, and its registry takes its time.
    now = 60_000;
    assert.match(text(), /^1\.00 MiB of 3\.00 MiB \(33%\), waiting for the destination to store 1\.00 MiB$/);
    meter.note(moved(3 * MiB, 3 * MiB, 3 * MiB, MiB));
    assert.match(text(), /^3\.00 MiB of 3\.00 MiB \(100%\), waiting for the destination to store 2\.00 MiB$/);
    meter.note(moved(3 * MiB, 3 * MiB));
    assert.equal(meter.read().storing, false);
  });

  it('work-is-told: the meter counts bytes that go into a cache as moving, not as waiting for the destination', () => {
    let now = 0;
    const meter = createMeter(() => now);
    meter.note(moved(0, 4 * MiB));
    for (let second = 1; second <= 3; second++) {
      now = second * 1000;
      meter.note(moved(second * MiB, 4 * MiB, 0, 0));
    }
    const { storing, rate, left } = meter.read();
    assert.deepEqual([storing, rate, left], [false, MiB, 1]);
    // What is found to be there is no rate.
    meter.note(moved(4 * MiB, 4 * MiB, 0, MiB));
    assert.equal(meter.read().rate, MiB);
  });

  it('the meter counts the outcomes of blobs and manifests', () => {
    const meter = createMeter(() => 0);
    for (const outcome of ['existed', 'uploaded', 'existed'] as const) {
      meter.note({ kind: 'blob', descriptor, outcome });
    }
    meter.note({ kind: 'manifest', descriptor, outcome: 'written', tags: [] });
    assert.deepEqual(meter.read().blobs, { existed: 2, uploaded: 1 });
    assert.deepEqual(meter.read().manifests, { written: 1 });
  });
});

/** A copy of 2 MiB that takes twelve seconds. */
async function copy(
  shown: Shown,
  mode: ProgressMode | undefined,
  { done = true }: { readonly done?: boolean } = {},
): Promise<void> {
  const clock = createManualClock();
  const progress = startProgress(shown.output, { mode, clock });
  progress.observe(moved(0, 2 * MiB));
  await clock.advance(6000);
  progress.observe(moved(MiB, 2 * MiB));
  progress.observe({ kind: 'blob', descriptor, outcome: 'uploaded' });
  await clock.advance(6000);
  progress.end(done);
  const { length } = shown.notes;
  await clock.advance(60_000);
  assert.equal(shown.notes.length, length, 'nothing is said after the end');
}

describe('progress', () => {
  it('progress without a terminal is a line every few seconds, with rate and time left', async () => {
    const shown = recording();
    await copy(shown, undefined);
    assert.equal(shown.notes.length, 3);
    assert.match(shown.notes[1] ?? '', /1\.00 MiB of 2\.00 MiB \(50%\), 102 KiB\/s, 10s left/);
    assert.match(shown.notes[2] ?? '', /1 copied/);
    assert.deepEqual(shown.statuses, []);
  });

  it('progress on a terminal is a bar, which is gone at the end', async () => {
    const shown = recording(60);
    await copy(shown, undefined);
    assert.ok(shown.statuses.length > 100);
    assert.ok(shown.statuses.some((status) => status?.includes('50%')));
    assert.equal(shown.statuses.at(-1), undefined);
  });

  it('progress is JSON with --progress json', async () => {
    const shown = recording(60);
    await copy(shown, 'json');
    const kinds = shown.notes.map((note): unknown => JSON.parse(note).kind);
    assert.equal(kinds.filter((kind) => kind === 'progress').length, 24);
    assert.ok(kinds.includes('blob'));
    assert.equal(kinds.at(-1), 'done');
  });

  it('progress in JSON reports that the copy failed', async () => {
    const shown = recording();
    await copy(shown, 'json', { done: false });
    assert.equal(JSON.parse(shown.notes.at(-1) ?? '').kind, 'failed');
  });

  it('progress has no summary when the copy failed', async () => {
    const shown = recording();
    await copy(shown, 'plain', { done: false });
    assert.equal(shown.notes.length, 2);
  });

  for (const [mode, expected] of [
    ['tty', /^\[#+-+\] packing 1\.00 MiB of 2\.00 MiB \(50%\), /],
    ['plain', /^packing 1\.00 MiB of 2\.00 MiB \(50%\), 205 KiB\/s, 5\.0s left$/],
    ['json', /^\{"kind":"work","work":"pack","done":1048576,"total":2097152,"rate":\d+,"left":[\d.]+\}$/],
  ] as const) {
    it(`work-is-told: the progress as ${mode} shows the work before the first byte moves`, async () => {
      const shown = recording(90);
      const clock = createManualClock();
      const progress = startProgress(shown.output, { mode, clock });
      progress.observe({ kind: 'work', work: 'pack', done: 0, total: 2 * MiB });
      progress.observe({ kind: 'work', work: 'pack', done: MiB, total: 2 * MiB });
      await clock.advance(5000);
      const texts = mode === 'tty' ? shown.statuses : shown.notes;
      assert.match(texts.at(-1) ?? '', expected);
      progress.observe({ kind: 'work', work: 'pack', done: 2 * MiB, total: 2 * MiB });
      progress.observe(moved(MiB, 4 * MiB));
      await clock.advance(5000);
      assert.doesNotMatch(texts.at(-1) ?? '', /pack/);
      progress.end(true);
    });
  }

  it('work-is-told: the progress has no summary without a copy', async () => {
    const shown = recording();
    const progress = startProgress(shown.output, { mode: 'plain', clock: createManualClock() });
    progress.observe({ kind: 'work', work: 'read', done: MiB, total: MiB });
    progress.end(true);
    assert.deepEqual(shown.notes, []);
  });

  it('progress is empty with --progress none', async () => {
    const shown = recording(60);
    await copy(shown, 'none');
    assert.deepEqual([shown.notes, shown.statuses], [[], []]);
  });

  const nothing = { complete: 0, sent: 0, storing: false, elapsed: 0, blobs: {}, manifests: {} };

  it('progress of an empty copy divides by no zero', () => {
    const reading = { ...nothing, moved: 0, total: 0, rate: 0, left: undefined };
    assert.doesNotMatch(progressText(reading), /NaN|Infinity/);
  });

  for (const columns of [10, 40, 60, 200]) {
    it(`progress fits into ${columns} columns`, () => {
      const bar = barText({ ...nothing, moved: 1, total: 2, rate: 1, left: 1 }, columns);
      assert.ok(bar.length < columns);
    });
  }
});
