import type { Reading } from './meter.ts';
import type { Output } from './output.ts';
import type { Renderer } from './renderer.ts';
import { formatBytes, formatSeconds } from './units.ts';

/** A line every few seconds and one at the end: for logs. */
export function plainProgress(output: Output): Renderer {
  return {
    interval: 5000,
    tick(reading) {
      output.note(progressText(reading));
    },
    end(reading, done) {
      if (done) output.note(summaryText(reading));
    },
  };
}

/** `1.20 GiB of 3.40 GiB (35%), 120 MiB/s, 19s left`, or after the percentage what is waited for. */
export function progressText({ moved, complete, total, storing, rate, left }: Reading): string {
  const share = total === 0 ? '' : ` (${Math.floor((moved / total) * 100)}%)`;
  const figures = `${formatBytes(moved)} of ${formatBytes(total)}${share}`;
  if (storing) return `${figures}, waiting for the destination to store ${formatBytes(moved - complete)}`;
  const end = left === undefined ? 'waiting' : `${formatSeconds(left)} left`;
  return `${figures}, ${formatBytes(rate)}/s, ${end}`;
}

/** `blobs: 3 copied, 1 existed; manifests: 1 written; 3.40 GiB moved in 29s` */
export function summaryText({ blobs, manifests, sent, elapsed }: Reading): string {
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

/** Bytes that went to a file were not uploaded: a word for both. */
export function outcomeText(outcome: string): string {
  return outcome === 'uploaded' ? 'copied' : outcome;
}
