import type { MeterReading } from './meter.ts';
import type { Output } from './output.ts';
import { figureOf, isCopy, outcomeText, progressText, summaryText } from './progress-plain.ts';
import type { Renderer } from './renderer.ts';
import { formatBytes } from './units.ts';

const widestBar = 30;

/** Draws a bar at the bottom of the terminal and prints a line above it for each finished blob. */
export function ttyProgress(output: Output): Renderer {
  return {
    interval: 100,
    event(event) {
      if (event.kind !== 'blob') return;
      const { digest, size } = event.descriptor;
      output.note(
        `${outcomeText(event.outcome).padEnd(7)} ${digest.slice(0, 19)} ${formatBytes(size)}`,
        'dim',
      );
    },
    tick(reading) {
      output.status(barText(reading, output.columns ?? 80));
    },
    end(reading, done) {
      output.status(undefined);
      if (done && isCopy(reading)) output.note(summaryText(reading), 'dim');
    },
  };
}

/** Fits the text into `columns`, so that it never wraps, and shortens the bar before the words. */
export function barText(reading: MeterReading, columns: number): string {
  const words = progressText(reading).slice(0, Math.max(0, columns - 1));
  const width = Math.min(widestBar, columns - words.length - 4);
  if (width < 5) return words;
  const { done, total } = figureOf(reading);
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const filled = Math.floor(share * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}] ${words}`;
}
