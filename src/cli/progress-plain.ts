import type { Work, WorkProgress } from '../flow/work.ts';
import type { MeterReading } from './meter.ts';
import type { Output } from './output.ts';
import type { Renderer } from './renderer.ts';
import { formatBytes, formatSeconds } from './units.ts';

/** Prints a line every few seconds and one at the end, for logs. */
export function plainProgress(output: Output): Renderer {
  return {
    interval: 5000,
    tick(reading) {
      output.note(progressText(reading));
    },
    end(reading, done) {
      if (done && isCopy(reading)) output.note(summaryText(reading));
    },
  };
}

const doing: Readonly<Record<Work, string>> = {
  unpack: 'unpacking',
  pack: 'packing',
  hash: 'hashing',
  read: 'reading',
  write: 'writing',
};

/** Returns the figure for a bar: that of the running work, or of the copy. */
export function figureOf({ work, moved, total }: MeterReading): Pick<WorkProgress, 'done' | 'total'> {
  return work ?? { done: moved, total };
}

/**
 * Formats `1.20 GiB of 3.40 GiB (35%), 120 MiB/s, 19s left`. Names the reason after the percentage while it waits, and
 * the kind of work before it if no blobs move.
 */
export function progressText(reading: MeterReading): string {
  const { work, moved, complete, storing, rate, left } = reading;
  const { done, total } = figureOf(reading);
  const share = total === 0 ? '' : ` (${Math.floor((done / total) * 100)}%)`;
  const before = work === undefined ? '' : `${doing[work.work]} `;
  const figures = `${before}${formatBytes(done)} of ${formatBytes(total)}${share}`;
  if (storing) return `${figures}, waiting for the destination to store ${formatBytes(moved - complete)}`;
  const end = left === undefined ? 'waiting' : `${formatSeconds(left)} left`;
  return `${figures}, ${formatBytes(rate)}/s, ${end}`;
}

/** False for a verb that only reads, which has no summary. */
export function isCopy({ blobs, manifests }: MeterReading): boolean {
  return Object.keys({ ...blobs, ...manifests }).length > 0;
}

/** Formats `blobs: 3 copied, 1 existed; manifests: 1 written; 3.40 GiB moved in 29s`. */
export function summaryText({ blobs, manifests, sent, elapsed }: MeterReading): string {
  return [
    ...counted('blobs', blobs),
    ...counted('manifests', manifests),
    `${formatBytes(sent)} moved in ${formatSeconds(elapsed)}`,
  ].join('; ');
}

function counted(what: string, counts: Readonly<Record<string, number>>): string[] {
  const parts = Object.entries(counts).map(([outcome, count]) => `${count} ${outcomeText(outcome)}`);
  return parts.length === 0 ? [] : [`${what}: ${parts.join(', ')}`];
}

/** Calls an upload a copy, since bytes that went to a file were not uploaded. */
export function outcomeText(outcome: string): string {
  return outcome === 'uploaded' ? 'copied' : outcome;
}
